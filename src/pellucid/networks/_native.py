"""C code, compiled for this machine on first use.

Idea: a C file of this package is compiled once by the system's own compiler into the user's cache
folder, under a name that is a hash of the code, the compiler and the processor, so that nothing
ever has to be declared out of date. Where there is no compiler, or anything fails, the caller
computes the same in plain torch; `how` says which it is and why.
"""

import contextlib
import ctypes
import functools
import hashlib
import os
import platform
import shutil
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import torch

from pellucid.data._cache import cache_folder

COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-O3", "-fno-math-errno", "-shared", "-fPIC", "-pthread")
TUNED = ("-march=native", "-mcpu=native")  # the first for most, the second where it is unknown
PATIENCE = 60.0  # s that the compiler may take

_reasons: dict[str, str] = {}
_lock = threading.Lock()


def compiled(name: str) -> ctypes.CDLL | None:
    """Give the compiled form of a C file of this folder, or None if there is none here.

    Args:
        name: of the file, without its ending.
    """
    with _lock:
        return _compiled(name)


def how(name: str) -> str:
    """Say whether a C file runs compiled, and if not, why."""
    compiled(name)
    return _reasons[name]


@functools.cache
def team() -> int | None:
    """Give the address of what starts a team of threads in the runtime that torch itself uses.

    Its idle threads spin for a while; a second set of threads would compete with them for the same
    cores. None where torch has no such runtime of its own; then plain threads do.
    """
    folder = Path(torch.__file__).parent / "lib"
    loaded: int = getattr(os, "RTLD_NOLOAD", 0)  # given again if it is loaded, else refused
    for file in sorted(folder.glob("libgomp*")) if loaded else ():
        try:
            start = ctypes.CDLL(str(file), mode=loaded | os.RTLD_NOW).GOMP_parallel
        except (OSError, AttributeError):
            continue
        return ctypes.cast(start, ctypes.c_void_p).value
    return None


@functools.cache
def _compiled(name: str) -> ctypes.CDLL | None:
    try:
        made = _load_or_compile(Path(__file__).with_name(f"{name}.c"))
        _reasons[name] = "compiled"
        return made
    except (OSError, subprocess.SubprocessError) as error:
        _reasons[name] = f"plain torch: {error}"
        return None


def _load_or_compile(source: Path) -> ctypes.CDLL:
    files = [source, *sorted(source.parent.glob("*.h"))]
    code = b"".join(file.read_bytes() for file in files)
    compiler = next(_compilers(), None)
    if compiler is None:
        raise OSError("there is no C compiler")
    file = f"{source.stem.strip('_')}-{_key(code, compiler)}.so"
    kept = cache_folder(None) / "compiled" / file
    with contextlib.suppress(OSError):
        _check_owner(kept.parent)
        _check_owner(kept)
        return ctypes.CDLL(str(kept))
    with tempfile.TemporaryDirectory(prefix="pellucid-") as place:
        made = Path(place) / file
        _compile(source, made, compiler)
        _keep(made, kept)
        return ctypes.CDLL(str(made))


def _keep(made: Path, kept: Path) -> None:
    """Put what was compiled into the cache in one move, if the cache takes it."""
    with contextlib.suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        number, name = tempfile.mkstemp(dir=kept.parent, suffix=".part")
        with os.fdopen(number, "wb") as file:
            file.write(made.read_bytes())
        Path(name).replace(kept)


def _compile(source: Path, made: Path, compiler: str) -> None:
    for tuned in TUNED:
        command = [compiler, *FLAGS, tuned, "-o", str(made), str(source)]
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
        if done.returncode == 0:
            return
    words = done.stderr.decode(errors="replace").strip().splitlines()
    raise OSError(f"{compiler} failed: {words[0] if words else done.returncode}")


def _check_owner(path: Path) -> None:
    """Refuse to load code that somebody else could have put there."""
    if not hasattr(os, "getuid"):
        return
    seen = path.stat()
    if seen.st_uid != os.getuid() or seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise OSError(f"others may write to {path}")


def _compilers() -> Iterator[str]:
    for name in COMPILERS:
        found = shutil.which(name)
        if found is not None:
            yield found


def _key(code: bytes, compiler: str) -> str:
    seen = Path(compiler).resolve().stat()
    about = (compiler, seen.st_size, seen.st_mtime_ns, FLAGS, TUNED, _processor())
    return hashlib.blake2b(code + repr(about).encode(), digest_size=16).hexdigest()


def _processor() -> str:
    """Name the processor and what it can do, as far as the system says."""
    words = ("model name", "flags", "Features", "CPU part")
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return platform.machine() + "".join(sorted({line for line in lines if line.startswith(words)}))
