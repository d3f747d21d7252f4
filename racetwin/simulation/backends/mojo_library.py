"""The Mojo race: compiled on first use into the user's cache, loaded by ctypes, run side by side from Python threads.

The library's name holds a hash of the sources, the target and lane count, and the compiler's version, so that a change of any of
them makes a new one and old ones do no harm. Where no compiler is installed, one that was built before still serves, and so do
those that are shipped for Linux (``python kernels/make_libraries.py`` makes them): they need nothing but the C library.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import numpy.typing as npt

from racetwin.config import settings
from racetwin.errors import ConfigurationError, InputError
from racetwin.simulation.backends.totals import Totals
from racetwin.simulation.spec import layout as L
from racetwin.simulation.spec import program
from racetwin.simulation.spec.check import check
from racetwin.simulation.spec.pack import Packed

SOURCES = ("race_layout.mojo", "race_random.mojo", "race_core.mojo", "race_screen.mojo", "race_cpu.mojo")
BUILD_TIMEOUT_S = 300
REFUSALS = {
    1: "number of cars out of range",
    2: "laps out of range",
    3: "our car is not one of the cars",
    4: "a car's compound, team-mate or time out of range",
    5: "a plan's stops or compounds out of range",
    6: "no plans, no races, or more than 2**32",
    7: "a program that leaves its plans or laps",
    8: "a watched car is not one of the cars",
}
"""What the library answers instead of running what would lead it outside its buffers (``race_cpu.mojo``)."""
SHIPPED = (("x86-64-v3", 8), ("x86-64-v4", 16))
"""Processors and lanes of the libraries that are shipped."""
V4 = frozenset({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"})
V3 = frozenset({"avx2", "bmi1", "bmi2", "fma", "f16c", "movbe"})


def sources() -> Path:
    """Return the folder of Mojo sources: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).parents[2]
    for folder in (package / "_kernels", package.parent / "kernels"):
        if (folder / "race_core.mojo").is_file():
            return folder
    raise ConfigurationError("the Mojo sources of the race kernel are missing: reinstall racetwin")


@cache
def target() -> tuple[str, int]:
    """Return the compiler's name of this machine's CPU level and the lanes that fit it."""
    machine = platform.machine().lower()
    if machine in ("arm64", "aarch64"):
        return ("apple-m1", 4) if sys.platform == "darwin" else ("generic", 4)
    try:
        text = Path("/proc/cpuinfo").read_text()
        flags = set(next(line for line in text.splitlines() if line.startswith("flags")).split())
    except (OSError, StopIteration):
        flags = set()
    if flags >= V4:
        return "x86-64-v4", 16
    if flags >= V3:
        return "x86-64-v3", 8
    raise ConfigurationError(f"backend mojo: this processor ({machine}) has neither AVX2 nor NEON; use backend numba")


def compiler() -> Path | None:
    """Return the Mojo compiler, if one is installed."""
    beside = Path(sys.executable).with_name("mojo")
    found = str(beside) if beside.is_file() else shutil.which("mojo")
    return Path(found) if found and importlib.util.find_spec("mojo") is not None else None


def compiler_version() -> str:
    """Return the installed compiler's version, ``none`` where there is none."""
    try:
        return version("mojo-compiler")
    except PackageNotFoundError:
        return "none"


def available() -> bool:
    """Whether the Mojo race can run here: a compiler is installed, or a library was built before."""
    if backend.cache_info().currsize:
        return True  # it is loaded: asked before each batch, and looking for a compiler costs half a millisecond
    try:
        return compiler() is not None or _ready(*target()) is not None
    except ConfigurationError:
        return False


def _stem(cpu: str, lanes: int) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for name in SOURCES:
        digest.update((sources() / name).read_bytes())
    return f"race-{digest.hexdigest()}-{cpu}-w{lanes}"


def _ready(cpu: str, lanes: int) -> Path | None:
    """Return a library that needs no compiler: the newest that one built here before, else the one that is shipped."""
    pattern = f"{_stem(cpu, lanes)}-*.so"
    built = sorted((settings().cache / "mojo").glob(pattern))
    shipped = sorted((sources() / "lib").glob(pattern)) if sys.platform == "linux" else []
    return next(iter([*reversed(built), *reversed(shipped)]), None)


def library_path(cpu: str | None = None, lanes: int | None = None) -> Path:
    """Return the compiled library, built now if need be."""
    own = target()
    cpu, lanes = cpu or own[0], lanes or own[1]
    folder = settings().cache / "mojo"
    path = folder / f"{_stem(cpu, lanes)}-{compiler_version()}.so"
    if path.is_file():
        return path
    mojo = compiler()
    if mojo is None:
        ready = _ready(cpu, lanes)
        if ready is not None:
            return ready
        raise ConfigurationError("backend mojo: no compiler; install it with: pip install 'racetwin[mojo]'")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _lock(folder / f"{path.stem}.lock"):
            if not path.is_file():
                _build(mojo, cpu, lanes, path)
    except OSError as e:
        raise ConfigurationError(f"backend mojo: cannot write the compiled kernel to {folder}: {e}") from e
    return path


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    # Two processes that start together build once: the second waits and finds the library there.
    with path.open("w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(f, fcntl.LOCK_UN)


@cache
def layout_hash() -> int:
    """Return a number that changes with anything in the layout of the buffers: what a library is built for, and asked for."""
    return int.from_bytes(hashlib.blake2b(L.mojo_source().encode(), digest_size=6).digest(), "big")


def build_command(mojo: Path, cpu: str, lanes: int, out: Path) -> list[str]:
    """Return the compiler's command line: contraction is off, since backends must round alike."""
    folder = sources()
    options = ["--emit", "shared-lib", "--fp-mode", "contract=off", "--target-cpu", cpu]
    options += ["-D", f"W={lanes}", "-D", f"LAYOUT={layout_hash()}"]
    return [str(mojo), "build", *options, "-I", str(folder), str(folder / "race_cpu.mojo"), "-o", str(out)]


def _build(mojo: Path, cpu: str, lanes: int, path: Path) -> None:
    print(f"racetwin: compiling the race kernel for {cpu} (once, about 10 s) ...", file=sys.stderr, flush=True)
    out = path.with_suffix(f".{os.getpid()}.tmp.so")
    try:
        done = subprocess.run(
            build_command(mojo, cpu, lanes, out), capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, check=False
        )
        if done.returncode != 0 or not out.is_file():
            errors = [line for line in done.stderr.splitlines() if "error" in line]
            raise ConfigurationError(f"backend mojo: the compiler failed: {(errors or ['no message'])[-1].strip()}")
        out.replace(path)
    except subprocess.TimeoutExpired as e:
        raise ConfigurationError(f"backend mojo: the compiler took more than {BUILD_TIMEOUT_S} s") from e
    finally:
        out.unlink(missing_ok=True)


def ship() -> list[Path]:
    """Make the libraries that are shipped, in place of those there are; returns their paths."""
    mojo = compiler()
    if mojo is None:
        raise ConfigurationError("no Mojo compiler; install it with: pip install 'racetwin[mojo]'")
    folder = sources() / "lib"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.so"):
        old.unlink()
    made = [folder / f"{_stem(cpu, lanes)}-{compiler_version()}.so" for cpu, lanes in SHIPPED]
    for (cpu, lanes), path in zip(SHIPPED, made, strict=True):
        _build(mojo, cpu, lanes, path)
    return made


def _pointer(a: npt.NDArray[np.generic]) -> ctypes.c_void_p:
    return ctypes.c_void_p(a.ctypes.data)


class MojoBackend:
    """Vector races; ctypes releases the interpreter lock, so Python threads run side by side."""

    name = "mojo"
    threaded = True

    def __init__(self, cpu: str | None = None, lanes: int | None = None) -> None:
        self.path = library_path(cpu, lanes)
        self._library = ctypes.CDLL(str(self.path))
        self._library.racetwin_scratch_words.restype = ctypes.c_int64
        self.lanes = int(self._library.racetwin_lanes())
        self._library.racetwin_layout.restype = ctypes.c_int64
        if self._library.racetwin_layout() != layout_hash():
            raise ConfigurationError(f"backend mojo: {self.path} was built from another layout; delete it")
        self._words = int(self._library.racetwin_scratch_words())
        self._memory = threading.local()
        v, i64, u32 = ctypes.c_void_p, ctypes.c_int64, ctypes.c_uint32
        self._batch = self._library.racetwin_batch
        self._batch.argtypes = [v, v, v, i64, u32, i64, v, v, i64, v, v, v, v, v, i64, v, v]
        self._screen = self._library.racetwin_screen
        self._screen.argtypes = [v, v, v, v, i64, u32, i64, v, v, i64, v, v, v, v, v, i64, v]

    def _scratch(self) -> npt.NDArray[np.uint32]:
        # One block per thread, kept: the kernel needs it aligned to a cache line, and allocating costs page faults.
        block = getattr(self._memory, "block", None)
        if block is None:
            raw = np.zeros(self._words + 16, np.uint32)
            start = (-raw.ctypes.data // 4) % 16
            block = self._memory.block = raw[start : start + self._words]
        return block

    def __call__(self, packed: Packed, first: int, n_races: int, shared: bool, watch: npt.NDArray[np.int32]) -> Totals:
        """Run races ``first .. first + n_races`` of every plan."""
        if shared:
            steps = program.tree(packed.plans, int(packed.i[L.I_LAP0]), packed.laps)
        else:
            steps = program.plain(len(packed.plans), packed.laps)
        return self._run(self._batch, packed, (packed.i,), first, n_races, steps, watch, gaps=True)

    def screen(self, packed: Packed, first: int, n_races: int, watch: npt.NDArray[np.int32]) -> Totals:
        """Drive our car through the recorded field of races ``first .. first + n_races`` under every plan."""
        steps = program.tree(packed.plans, int(packed.i[L.I_LAP0]), packed.laps)
        return self._run(self._screen, packed, (packed.i, packed.field()), first, n_races, steps, watch, gaps=False)

    def _run(
        self,
        call: Callable[..., int],
        packed: Packed,
        integers: tuple[npt.NDArray[np.int32], ...],
        first: int,
        n_races: int,
        steps: npt.NDArray[np.int32],
        watch: npt.NDArray[np.int32],
        *,
        gaps: bool,
    ) -> Totals:
        check(packed, first, n_races, watch)
        out = Totals.empty(len(packed.plans), packed.n, n_races, len(watch))
        refused = call(
            _pointer(packed.f),
            *(_pointer(i) for i in integers),
            _pointer(packed.plans),
            len(packed.plans),
            first,
            n_races,
            _pointer(self._scratch()),
            _pointer(steps),
            len(steps),
            _pointer(out.positions),
            _pointer(out.histogram),
            _pointer(out.finished),
            _pointer(out.time_ms),
            _pointer(watch),
            len(watch),
            _pointer(out.watched),
            *((_pointer(out.gaps),) if gaps else ()),
        )
        if refused:
            raise InputError(f"packed race: {REFUSALS[refused]}")
        return out


@cache
def backend(cpu: str | None = None, lanes: int | None = None) -> MojoBackend:
    """Return the backend, its library loaded once per process."""
    return MojoBackend(cpu, lanes)
