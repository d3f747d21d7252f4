"""The GPU code: PTX made from the Mojo race, shipped with the package and checked against its sources.

Making PTX needs the compiler's accelerator support (``pip install max``, over a gigabyte); running it needs only a driver. So it
is made once, by a developer, and shipped: ``python kernels/make_ptx.py [MOJO]`` writes ``kernels/ptx``, each file beginning with
the hash of the sources it was made from.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from racetwin.errors import ConfigurationError
from racetwin.simulation.backends.mojo_library import compiler, sources

ARCHITECTURE = "sm_80"
"""Oldest GPUs the PTX is for (A100, and everything since)."""
SLOTS = (20, 24)
"""Builds by most cars: fewer cars need less of the shared memory that limits how many races run at once."""
THREADS, GROUP = 64, 2
"""Threads a block, and cars a thread handles at a time: longer straight code would fall out of the instruction cache."""
COUNT_THREADS = 256
FILES = {f"race-{n}.ptx": ("race_gpu.mojo", {"SLOTS": n, "THREADS": THREADS, "GROUP": GROUP}) for n in SLOTS} | {
    "count.ptx": ("race_count.mojo", {})
}
MARK = "// racetwin sources "


def source_hash() -> str:
    """Return a hash of every Mojo source the PTX is made from."""
    digest = hashlib.blake2b(digest_size=12)
    for name in ("race_layout.mojo", "race_random.mojo", "race_core.mojo", "race_gpu.mojo", "race_count.mojo"):
        digest.update((sources() / name).read_bytes())
    return digest.hexdigest()


def load(name: str) -> str:
    """Return the text of a shipped PTX file; ``ConfigurationError`` if it is missing or not of these sources."""
    path = sources() / "ptx" / name
    try:
        text = path.read_text()
    except OSError as e:
        raise ConfigurationError(f"backend cupy: {path} cannot be read: {e}") from e
    if text.splitlines()[0] != MARK + source_hash():
        raise ConfigurationError(f"backend cupy: {path} was made from other sources; run kernels/make_ptx.py")
    return text


def command(mojo: Path, source: str, defines: dict[str, int], out: Path) -> list[str]:
    """Return the compiler's command line for one PTX file."""
    target = ["--emit", "asm", "--fp-mode", "contract=off"]
    target += ["--target-triple", "nvptx64-nvidia-cuda", "--target-cpu", ARCHITECTURE]
    macros = [part for name, value in defines.items() for part in ("-D", f"{name}={value}")]
    return [str(mojo), "build", *target, *macros, "-I", str(sources()), str(sources() / source), "-o", str(out)]


def build(mojo: Path, folder: Path | None = None) -> list[Path]:
    """Make all PTX files with this compiler, those that are shipped or, with ``folder``, others there; returns their paths."""
    folder = folder or sources() / "ptx"
    folder.mkdir(exist_ok=True)
    written = []
    for name, (source, defines) in FILES.items():
        out = folder / name
        done = subprocess.run(command(mojo, source, defines, out), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if "error" in line]
            raise ConfigurationError(f"{name}: {(lines or ['the compiler failed'])[-1].strip()}")
        out.write_text(f"{MARK}{source_hash()}\n{out.read_text()}")
        written.append(out)
    return written


def main(arguments: list[str]) -> int:
    """Make the PTX; the compiler may be named, else the environment's own is asked."""
    mojo = Path(arguments[0]) if arguments else compiler()
    if mojo is None:
        print("no Mojo compiler: pip install mojo-compiler max", file=sys.stderr)
        return 2
    try:
        for path in build(mojo):
            print(path)
    except ConfigurationError as e:
        print(e, file=sys.stderr)
        return 2
    return 0
