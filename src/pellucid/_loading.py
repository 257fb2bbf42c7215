"""Rebuilding a model from what a file says of it, without believing the file.

Idea: every field is checked for its type; the network is built under bounds that come from the size
of the weights that the file really holds, and must then have exactly those. So a file can ask for
no more memory than a few times its own size.
The meta device would do this without bounds, but it cannot build a network that looks at its own
numbers, and its first use costs a second of imports.
"""

import json
import math
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from pellucid import _archive, registry
from pellucid._bounds import bounded
from pellucid.data import Schema
from pellucid.errors import BadInputError, ModelFileError
from pellucid.explaining._cases import Cases
from pellucid.networks import MEMBERS, recipe_of
from pellucid.networks._committee import Committee
from pellucid.tasks import Task

Found = TypeVar("Found")
Form = dict[str, tuple[str, tuple[int, ...]]]  # of weights: name → type and shape

DTYPES = ("bfloat16", "float32")
_LONGEST_NAME = 100
_HIGHEST_RATE = 1e6  # samples a second
_LONGEST_TOKEN = 16  # characters of what transcripts are spelled with
_LONGEST_HEADER = 8 << 20  # bytes; about 80,000 weights
_LARGEST_EXAMPLE = 1 << 27  # numbers in one example
_SPARE = 1 << 22  # numbers that building may take besides what the file accounts for
_TYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


def rebuild(
    path: Path,
    document: Mapping[str, Any],
    parts: tuple[bytes, bytes | None],
    network: nn.Module | None,
) -> dict[str, Any]:
    """Give the fields of a Model.

    Args:
        path: of the file, for messages.
        document: its model.json.
        parts: its weights.safetensors, and its cases.safetensors if there is one.
        network: the user's own, with any weights, which are replaced; None if the network is one
            that pellucid knows.

    Raises:
        ModelFileError: if anything in the file is not as it should be.
        BadInputError: if the network is the user's own and was not given.
    """
    weights, cases = parts
    try:
        version = _field(document, "format", int)
        if version > _archive.FORMAT:
            raise _archive.newer(path, version)
        if version < 1:
            raise ValueError(f"there is no format version {version}")
        schema = _schema(_field(document, "schema", dict))
        kind = _entry(path, registry.kind, schema.kind, "kind of data")()
        task = _entry(path, registry.task, _field(document, "task", str), "task")(schema)
        built = _field(document, "built", dict)
        whole = _network(path, built, task, _form(weights), network)
        _fill(whole, weights)
        fields = _rest(document, task) | _evidence(document, cases, task)
    except BadInputError:
        raise
    # A builder or a task that meets nonsense may fail in any way; all mean the same here.
    except Exception as error:
        raise _archive.damaged(path, f"{type(error).__name__}: {str(error)[:200]}") from error
    return {"network": whole, "task": task, "kind": kind, "built": built, **fields}


def form_of(network: nn.Module) -> Form:
    """Give type and shape of all that a network saves.

    Raises:
        TypeError: if it saves something that is no tensor of numbers.
    """
    form = {}
    for name, value in network.state_dict().items():
        if not isinstance(value, Tensor) or value.dtype not in _TYPES:
            raise TypeError(f"the network keeps {name!r}, which is no tensor of real numbers")
        form[name] = (_TYPES[value.dtype], tuple(value.shape))
    return form


def _entry(path: Path, known: registry.Registry[Any], name: str, noun: str) -> Any:
    if len(name) > _LONGEST_NAME or name not in known:
        raise ModelFileError(
            given=f"{path} needs the {noun} {name[:_LONGEST_NAME]!r}, which is not installed",
            needed=f"one of {', '.join(known)}",
            remedy="install the package that adds it, or check where the file came from",
        )
    return known[name]


def _schema(given: Mapping[str, Any]) -> Schema:
    for name in ("shape", "cardinalities", "classes", "shares"):
        _field(given, name, list)
    for name in ("variables", "means", "scales", "leads"):  # since format 3
        _field({name: [], **given}, name, list)
    _field({"own_scale": False, **given}, "own_scale", bool)
    _field({"tokens": [], **given}, "tokens", list)  # since format 4
    _field({"language": {}, **given}, "language", dict)
    schema = Schema.from_json(given)
    _all((*schema.tokens, *schema.language), str)
    _all((*schema.language.values(),), int, least=1)
    _all(schema.shape, int, least=1)
    _all(schema.cardinalities, int, least=0)
    _all(schema.classes, str)
    _all(schema.shares, float, least=0)
    _all((schema.mean, schema.scale), float)
    _all((schema.rate,), float, least=0)
    _all((schema.kind, schema.target, *schema.variables), str)
    steps = (schema.ahead, schema.season, schema.lagging, *schema.leads, schema.latent)
    _all(steps, int, least=0)
    _all(schema.means, float)
    _all(schema.scales, float)
    sound = (
        schema.scale > 0
        and len(schema.shape) > 0
        and math.prod(schema.shape) <= _LARGEST_EXAMPLE
        and len(schema.cardinalities) in (0, 1, schema.shape[0])
        and len(schema.shares) in (0, len(schema.classes), *schema.cardinalities[:1])
        and len(set(schema.classes)) == len(schema.classes)
        and len(set(schema.tokens)) == len(schema.tokens)
        and max(map(len, (*schema.tokens, *schema.language)), default=0) <= _LONGEST_TOKEN
        and isinstance(schema.details, dict)
        and len(schema.variables) == len(schema.means) == len(schema.scales)
        and all(scale > 0 for scale in schema.scales)
        and schema.latent <= _LARGEST_EXAMPLE
        and schema.rate <= _HIGHEST_RATE
        and len(schema.variables) + schema.lagging <= schema.shape[-1]
        and all(place < schema.shape[-1] for place in schema.leads)
        and max(schema.ahead, schema.season) * max(1, len(schema.variables)) <= _LARGEST_EXAMPLE
    )
    if not sound:
        raise ValueError("the schema contradicts itself")
    return schema


def _network(
    path: Path, built: Mapping[str, Any], task: Task, form: Form, own: nn.Module | None
) -> nn.Module:
    if own is None and "module" in built:
        name = _field(built, "module", str)[:_LONGEST_NAME]
        raise BadInputError(
            given=f"{path} holds the weights of a network of your own, {name!r}",
            needed="the network, since no file may name code to run",
            remedy=f"`Model.load(path, network={name.rpartition(':')[2] or 'Network'}(...))`",
        )
    if own is not None:
        _same(form_of(own), form)
        return own
    builder = _entry(path, registry.network, _field(built, "network", str), "network")
    size = _field(built, "size", int)
    if not 1 <= size <= recipe_of(builder, task.schema).sizes:
        raise ValueError(f"there is no size {size} of the network")
    members = _field(built, "members", int) if "members" in built else 1
    if not 1 <= members <= MEMBERS:
        raise ValueError(f"{members} members cannot be")
    numbers = sum(math.prod(shape) for _, shape in form.values())
    bounds = bounded(numbers=_SPARE + 4 * numbers, parts=1000 + 16 * len(form))
    with bounds, torch.random.fork_rng(devices=[]):
        several = [builder(task.schema, task.outputs, size=size) for _ in range(members)]
        network: nn.Module = several[0] if members == 1 else Committee(several)
    _same(form_of(network), form)
    return network


def _same(needed: Form, given: Form) -> None:
    for name in needed.keys() | given.keys():
        if needed.get(name) != given.get(name):
            raise ValueError(
                f"the network has {needed.get(name, 'no weight')} where the file has "
                f"{given.get(name, 'none')}: {name[:_LONGEST_NAME]!r}"
            )


def _form(weights: bytes) -> Form:
    """Read the head of a safetensors file: 8 bytes of length, then JSON."""
    (length,) = struct.unpack("<Q", weights[:8])
    if length > min(_LONGEST_HEADER, len(weights)):
        raise ValueError("the head of the weights is too long")
    head = json.loads(weights[8 : 8 + length])
    return {
        name: (str(entry["dtype"]), tuple(entry["shape"]))
        for name, entry in head.items()
        if name != "__metadata__"
    }


def _fill(network: nn.Module, weights: bytes) -> None:
    from safetensors.torch import load

    network.load_state_dict(load(weights), strict=True)
    network.eval()


def _rest(document: Mapping[str, Any], task: Task) -> dict[str, Any]:
    numerics = _field(document, "numerics", dict)
    if numerics.get("dtype") not in DTYPES or type(numerics.get("channels_last")) is not bool:
        raise ValueError("the numerics are damaged")
    calibration = _field(document, "calibration", dict)
    # The task alone knows what it wrote there, so let it decode something.
    task.answers(torch.zeros(1, task.outputs), calibration, level=0.9)
    return {
        "calibration": calibration,
        "numerics": numerics,
        "views": _field(document, "views", bool),
        "record": _field(document, "record", dict),
    }


def _evidence(document: Mapping[str, Any], cases: bytes | None, task: Task) -> dict[str, Any]:
    """Give the fields that explanations need; format 1 had none of them."""
    if document["format"] < 2:
        return {}
    trust = _trust(_field(document, "trust", dict))
    if cases is None:
        if "cases" in document:
            raise ValueError("it names cases and holds none")
        return {"trust": trust}
    found = Cases.from_members(cases, _field(document, "cases", dict), task.schema, task)
    return {"trust": trust, "cases": found}


def _trust(given: dict[str, Any]) -> dict[str, Any]:
    """Check what the verdict on an explanation reads of it."""
    if not given:
        return {}
    _field(given, "method", str)
    for score in _field(given, "scores", dict).values():
        _all([score["value"], score["low"], score["high"]], float)
    _all([given.get("randomised", 0.0)], float)
    return given


def _field(given: Mapping[str, Any], name: str, wanted: type[Found]) -> Found:
    value = given.get(name)
    if type(value) is not wanted:
        raise ValueError(f"{name!r} is no {wanted.__name__}")
    return value


def _all(values: Sequence[Any], wanted: type, *, least: float = -math.inf) -> None:
    wide = (int, float) if wanted is float else (wanted,)
    if any(type(value) not in wide for value in values):
        raise ValueError(f"the schema has no {wanted.__name__} where one should be")
    if wanted is not str and any(value < least for value in values):
        raise ValueError(f"the schema has a number below {least}")
