"""Recurrent layers: torch's arithmetic, compiled or not, and a memory that can be carried on."""

import ctypes
import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from pellucid.networks import _fused, _native, _recurrence
from pellucid.networks._recurrence import Recurrence, running, thinned

CELLS = ("gru", "lstm", "mingru", "minlstm")
TORCH = {"gru": nn.GRU, "lstm": nn.LSTM}
INPUTS, UNITS = 20, 32

each_cell = pytest.mark.parametrize("cell", CELLS)
each_loop = pytest.mark.parametrize("cell", TORCH)
both_ways = pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "both ways"])
native = pytest.mark.skipif(_fused.code() is None, reason=_recurrence.how())


@pytest.fixture
def form(request, monkeypatch):
    if request.param == "plain":
        monkeypatch.setattr(_recurrence, "compiled", lambda x, weights: False)
    return request.param


in_either_form = pytest.mark.parametrize("form", ["compiled", "plain"], indirect=True)


def plainly(monkeypatch):
    monkeypatch.setattr(_recurrence, "compiled", lambda x, weights: False)


def texts(rows=5, steps=9, inputs=INPUTS):
    return torch.randn(rows, steps, inputs, requires_grad=True)


def starting(module, rows, *, seed=1):
    maker = torch.Generator().manual_seed(seed)
    count = module.layers * len(module.suffixes) * (2 if module.cell == "lstm" else 1)
    return tuple(
        torch.randn(rows, module.units, generator=maker).requires_grad_() for _ in range(count)
    )


def low():
    return torch.autocast("cpu", dtype=torch.bfloat16)


def slopes(y, end, wanted):
    """Gradients of a weighted sum of everything that comes out."""
    maker = torch.Generator().manual_seed(2)
    out = [y.float(), *end]
    total = sum((part * torch.randn(part.shape, generator=maker)).sum() for part in out)
    return torch.autograd.grad(total, wanted)


def apart(found, expected):
    """The largest relative distance among pairs of tensors."""
    pairs = zip(found, expected, strict=True)
    return max(((a.float() - b).norm() / (b.norm() + 1e-9)).item() for a, b in pairs)


@in_either_form
@both_ways
@each_loop
def test_a_loop_computes_what_torch_computes(cell, backwards, form):
    module = Recurrence(cell, INPUTS, UNITS, layers=2, backwards=backwards)
    reference = TORCH[cell](INPUTS, UNITS, 2, batch_first=True, bidirectional=backwards)
    reference.load_state_dict(module.state_dict())
    x = texts()

    y, end = module(x)
    expected, last = reference(x)

    last = last if cell == "lstm" else (last,)
    assert apart([y], [expected]) < 1e-5
    assert apart(end[:: len(last)], last[0]) < 1e-5
    found = torch.autograd.grad(y.square().sum(), [x, *module.parameters()])
    named = dict(reference.named_parameters())
    weights = [named[name] for name, _ in module.named_parameters()]
    assert apart(found, torch.autograd.grad(expected.square().sum(), [x, *weights])) < 1e-5


@native
@both_ways
@each_cell
@pytest.mark.parametrize("units", [32, 40])
def test_compiled_code_learns_what_plain_torch_learns(cell, units, backwards, monkeypatch):
    module = Recurrence(cell, INPUTS, units, layers=2, backwards=backwards)
    x, state = texts(rows=11), starting(module, 11)
    lengths = torch.tensor([9, 1, 0, 4, 9, 8, 2, 2, 3, 9, 5])
    wanted = [x, *state, *module.parameters()]

    y, end = module(x, state, lengths)
    found = [y, *end, *slopes(y, end, wanted)]

    plainly(monkeypatch)
    y, end = module(x, state, lengths)
    assert apart(found, [y, *end, *slopes(y, end, wanted)]) < 1e-5


@pytest.mark.skipif(not _fused.halves(), reason="no bfloat16 here")
@each_loop
def test_half_width_keeps_two_digits(cell, monkeypatch):
    module = Recurrence(cell, 64, 64, layers=2, backwards=True)
    x, state = texts(rows=19, steps=30, inputs=64), starting(module, 19)
    wanted = [x, *state, *module.parameters()]

    with low():
        y, end = module(x, state)
    found = [y, *end, *slopes(y, end, wanted)]

    plainly(monkeypatch)
    expected, end = module(x, state)
    assert y.dtype == torch.bfloat16
    assert apart(found, [expected, *end, *slopes(expected, end, wanted)]) < 1e-2


@pytest.mark.skipif(not _fused.halves(), reason="no bfloat16 here")
@pytest.mark.parametrize("cell", ["mingru", "minlstm"])
def test_half_width_keeps_two_digits_of_a_running_mean(cell, monkeypatch):
    module = Recurrence(cell, 64, 64)
    with torch.no_grad():
        module.bias_ih_l0[-64:] = 4.0  # what is read has a bend at 0: a rounded 0 may lie beyond it
    x = texts(rows=19, steps=30, inputs=64)
    wanted = [x, *module.parameters()]

    with low():
        y, end = module(x)
    found = [y, *end, *slopes(y, end, wanted)]

    plainly(monkeypatch)
    expected, end = module(x)
    assert apart(found, [expected, *end, *slopes(expected, end, wanted)]) < 1e-2


@native
def test_autocast_leaves_float32_where_bfloat16_is_not_there(monkeypatch):
    module, x = Recurrence("gru", INPUTS, UNITS), texts()
    expected, _ = module(x)
    monkeypatch.setattr(_fused, "halves", lambda: False)

    with low():
        y, _ = module(x)

    assert torch.equal(y, expected)


@in_either_form
@each_cell
def test_steps_one_by_one_give_what_all_at_once_give(cell, form):
    module, x = Recurrence(cell, INPUTS, UNITS, layers=2), texts()
    state, seen = None, []

    with torch.no_grad():
        for piece in x.unbind(1):
            y, state = module.step(piece, state)
            seen.append(y)
        expected, end = module(x)

    assert torch.allclose(torch.stack(seen, 1), expected, atol=1e-5)
    assert apart(state, end) < 1e-5


@in_either_form
@each_cell
def test_a_text_read_in_two_pieces_is_the_same_text(cell, form):
    module, x = Recurrence(cell, INPUTS, UNITS, layers=2), texts()

    first, state = module(x[:, :4])
    second, end = module(x[:, 4:], state)

    expected, last = module(x)
    assert torch.allclose(torch.cat([first, second], 1), expected, atol=1e-5)
    assert apart(end, last) < 1e-5


@in_either_form
@both_ways
@each_cell
def test_padding_changes_nothing(cell, backwards, form):
    module = Recurrence(cell, INPUTS, UNITS, layers=2, backwards=backwards)
    x, lengths = texts(rows=2), torch.tensor([4, 9])

    y, end = module(x, None, lengths)
    alone, last = module(x[:1, :4])

    assert torch.allclose(y[:1, :4], alone, atol=1e-5)
    assert not y[0, 4:].any()
    assert apart([piece[:1] for piece in end], last) < 1e-5


@in_either_form
@each_cell
def test_an_empty_text_leaves_the_memory_as_it_was(cell, form):
    module = Recurrence(cell, INPUTS, UNITS)
    state = starting(module, 2)

    y, end = module(texts(rows=2), state, torch.tensor([0, 3]))

    assert all(torch.equal(new[0], old[0]) for new, old in zip(end, state, strict=True))
    assert not y[0].any()


def test_a_running_mean_is_what_a_loop_gives():
    kept, new, h = torch.rand(2, 7, 3), torch.rand(2, 7, 3), torch.rand(2, 3)

    found = running(kept, new, h)

    for step in range(7):
        h = kept[:, step] * h + new[:, step]
        assert torch.allclose(found[:, step], h)


def test_mingru_is_the_mean_that_its_paper_gives():
    module, x = Recurrence("mingru", 1, 1), torch.tensor([[[2.0], [-3.0]]])
    with torch.no_grad():
        module.weight_ih_l0[:] = torch.tensor([[0.5], [1.0]])
        module.bias_ih_l0.zero_()

    y, _ = module(x)

    first, second = 1 / (1 + torch.tensor([-1.0, 1.5]).exp())
    h = first * 2.5
    assert torch.allclose(y.flatten(), torch.stack([h, h + second * (0.0474259 - h)]), atol=1e-5)


@native
def test_threads_change_no_output():
    module, x = Recurrence("gru", INPUTS, UNITS), texts(rows=21)
    expected, _ = module(x)
    before = torch.get_num_threads()

    torch.set_num_threads(2)
    try:
        y, _ = module(x)
    finally:
        torch.set_num_threads(before)

    assert torch.equal(y, expected)


@native
def test_threads_that_torch_does_not_lend_do_as_well(monkeypatch):
    module, x = Recurrence("lstm", INPUTS, UNITS), texts(rows=21)
    expected, _ = module(x)
    monkeypatch.setattr(_native, "team", lambda: None)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)

    y, _ = module(x)

    assert torch.equal(y, expected)


@native
def test_what_is_not_a_number_stays_so():
    module, x = Recurrence("gru", INPUTS, UNITS), texts(rows=2).detach()
    x[0, 3, 0] = torch.nan

    y, _ = module(x)

    assert y[0, 3:].isnan().all()
    assert y[0, :3].isfinite().all()
    assert y[1].isfinite().all()


@native
def test_gates_that_are_shut_for_good_stay_finite():
    module, x = Recurrence("minlstm", INPUTS, UNITS), texts() * 1e6

    y, _ = module(x)

    assert y.isfinite().all()


@in_either_form
def test_a_backward_direction_cannot_go_on(form):
    module = Recurrence("gru", INPUTS, UNITS, backwards=True)

    with pytest.raises(ValueError, match="cannot go on"):
        module.step(torch.randn(1, INPUTS))


@native
@pytest.mark.parametrize("call", ["forward", "step"])
def test_a_state_of_another_batch_is_refused(call):
    module = Recurrence("gru", INPUTS, UNITS)
    x = torch.randn(3, 2, INPUTS) if call == "forward" else torch.randn(3, INPUTS)

    with torch.no_grad(), pytest.raises(ValueError, match="a state of"):
        getattr(module, call)(x, (torch.zeros(2, UNITS),))


@native
def test_as_many_lengths_as_texts_are_needed():
    how = _fused.Reading(
        cell="gru", backwards=False, lengths=torch.tensor([1, 2]), low=False, keeps=False
    )

    with pytest.raises(ValueError, match="2 lengths for 5 texts"):
        _fused.read(texts(), [torch.zeros(96, 20)], [torch.zeros(5, 32)], how)


@native
def test_a_step_of_another_width_is_refused():
    with torch.no_grad(), pytest.raises(ValueError, match="7 numbers a step for 20 inputs"):
        Recurrence("gru", INPUTS, UNITS).step(torch.randn(1, 7))


def test_dropout_leaves_out_the_share_and_keeps_the_mean():
    x = torch.ones(50, 40, 30)

    y = thinned(x, 0.25)

    assert (y == 0).float().mean() == pytest.approx(0.25, abs=0.01)
    assert y.mean() == pytest.approx(1.0, abs=0.01)


def test_dropout_falls_on_what_lies_time_first_as_well():
    x = torch.ones(40, 50, 30).transpose(0, 1)

    y = thinned(x, 0.5)

    assert y.mean() == pytest.approx(1.0, abs=0.02)
    assert y.shape == x.shape


def test_dropout_lies_between_layers_in_training_alone():
    module, x = Recurrence("gru", INPUTS, UNITS, layers=2, dropout=0.5), texts()

    learning = [module(x)[0] for _ in range(2)]
    module.eval()

    assert not torch.equal(*learning)
    assert torch.equal(module(x)[0], module(x)[0])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """What the compiler makes of the code."""
    place = tmp_path_factory.mktemp("made") / "code.so"
    _native._compile(Path(_native.__file__).with_name("_recurrence.c"), place, "cc")
    return place


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """Nothing is compiled yet, and the cache is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(_native, "_reasons", {})
    _native._compiled.cache_clear()
    _fused.code.cache_clear()
    yield tmp_path / "pellucid" / "compiled"
    _native._compiled.cache_clear()
    _fused.code.cache_clear()


def test_without_a_compiler_plain_torch_computes(fresh, monkeypatch):
    monkeypatch.setattr(_native, "COMPILERS", ())

    y, _ = Recurrence("gru", INPUTS, UNITS)(texts())

    assert y.isfinite().all()
    assert _recurrence.how() == "plain torch: there is no C compiler"


def test_a_compiler_that_fails_is_no_fault(fresh, monkeypatch, tmp_path):
    failing = tmp_path / "cc"
    failing.write_text("#!/bin/sh\necho no such thing >&2\nexit 1\n")
    failing.chmod(0o755)
    monkeypatch.setattr(_native, "COMPILERS", (str(failing),))

    assert _fused.code() is None
    assert "no such thing" in _recurrence.how()


@pytest.fixture
def quick(made, monkeypatch):
    """A compiler that has it ready."""
    monkeypatch.setattr(_native, "_compile", lambda source, place, by: shutil.copy(made, place))


@native
def test_compiled_code_is_kept_for_the_next_run(fresh, quick, monkeypatch):
    assert _fused.code() is not None
    _native._compiled.cache_clear()
    monkeypatch.setattr(_native, "_compile", None)

    assert _native.compiled(_fused.CODE) is not None
    assert len(list(fresh.iterdir())) == 1


@native
def test_a_cache_that_cannot_be_written_is_no_fault(fresh, quick):
    fresh.parent.mkdir(parents=True)
    fresh.write_text("a file where the folder should be")

    assert _fused.code() is not None


@native
@pytest.mark.parametrize("harm", ["damaged", "open to others"])
def test_code_that_may_not_be_ours_is_compiled_anew(fresh, quick, harm):
    assert _fused.code() is not None
    _native._compiled.cache_clear()
    (kept,) = fresh.iterdir()
    if harm == "damaged":
        kept.write_bytes(b"nothing that loads")
    else:
        kept.write_bytes(b"something of somebody")
        kept.chmod(0o777)

    assert _native.compiled(_fused.CODE) is not None


@native
def test_code_of_another_layout_is_not_used(fresh, monkeypatch):
    class Other:
        @staticmethod
        def pellucid_job():
            return ctypes.sizeof(_fused.Job) + 8

    monkeypatch.setattr(_native, "compiled", lambda name: Other)

    assert _fused.code() is None
