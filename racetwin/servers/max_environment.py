"""MAX on this machine: where it is, how it is installed, and with which flags it serves on this hardware.

MAX pins its libraries, so it lives in an environment of its own and is only ever run as a program.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from racetwin.config import Settings
from racetwin.errors import ConfigurationError
from racetwin.servers.small_model import SMALL_MODEL, fetch_small_model

REQUIREMENT = "max[serve]>=26.7,<26.8"
"""The flags below, and what the server answers, are those of this version."""
CPU_MODEL = "modularai/Llama-3.1-8B-Instruct-GGUF"
GPU_MODEL = "meta-llama/Llama-3.1-8B-Instruct"
MAX_LENGTH = 4096
"""Tokens of a question and its answer: rules and facts of one recommendation take 1,000 to 2,000."""
QUEUE = 4
"""Questions that may wait before the server says 429: advice that waits longer has been overtaken by the race."""
OFFLINE = {"HF_HUB_OFFLINE": "1"}
QUIET = {"MODULAR_TELEMETRY_ENABLED": "0", "MAX_SERVE_DISABLE_TELEMETRY": "1"}

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Serving:
    """One way of serving: the command, what it serves under which name, and what its environment must say."""

    command: tuple[str, ...]
    model: str
    port: int
    environment: dict[str, str]

    @property
    def url(self) -> str:
        """Base URL of the API, with its version."""
        return f"http://127.0.0.1:{self.port}/v1"


def environment_folder(settings: Settings) -> Path:
    """Return where `racetwin max install` puts MAX."""
    return settings.cache / "max"


def find_max(settings: Settings) -> Path | None:
    """Return the program ``max``: the setting ``max_program``, then our own installation, then the PATH; None if absent."""
    if settings.max_program is not None:
        if not settings.max_program.is_file():
            raise ConfigurationError(
                f"RACETWIN_MAX_PROGRAM: {settings.max_program} is no file; expected the program 'max'"
            )
        return settings.max_program
    own = environment_folder(settings)
    if (own / ".installed").is_file() and (
        own / "bin" / "max"
    ).is_file():  # an installation that was cut off does not count
        return own / "bin" / "max"
    found = shutil.which("max")
    return None if found is None else Path(found)


def install_max(settings: Settings, say: Say) -> Path:
    """Install MAX into an environment of its own in the cache (1.3 GB), unless it is there; returns the program.

    Raises
    ------
    ConfigurationError
        If pip cannot install it.
    """
    folder = environment_folder(settings)
    program = folder / "bin" / "max"
    done = folder / ".installed"
    if done.is_file() and done.read_text(encoding="utf-8") == REQUIREMENT and program.is_file():
        return program
    say(f"Installing {REQUIREMENT} into {folder} (1.3 GB, a minute or two, once) ...")
    python = folder / "bin" / "python"
    steps = (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--upgrade", "pip"],  # older ones cannot resolve MAX's pins
        [str(python), "-m", "pip", "install", "--quiet", REQUIREMENT],
    )
    for step in steps:
        ended = subprocess.run(step, capture_output=True, text=True, check=False)
        if ended.returncode:
            why = (ended.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise ConfigurationError(f"MAX cannot be installed: {why}")
    done.write_text(REQUIREMENT, encoding="utf-8")
    return program


def gpu() -> str | None:
    """Return the name of this machine's first GPU that MAX can serve on, None where there is none."""
    for program, arguments in (("nvidia-smi", ("-L",)), ("rocm-smi", ("--showproductname",))):
        if shutil.which(program) is None:
            continue
        try:
            told = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        lines = told.stdout.strip().splitlines()
        if told.returncode == 0 and lines:
            return lines[0]
    return None


def serving(
    program: Path, *, port: int, cache: Path, on_gpu: bool, model: str | None = None, name: str | None = None
) -> Serving:
    """Return how MAX serves on this hardware.

    Without ``model``: the production model, as 4-bit weights on a CPU, and with JSON to a schema on a GPU (a CPU cannot do that).
    ``model``: a name on the Hugging Face hub or a local folder; ``name``: what clients call it (default: the same).
    """
    chosen = model or (GPU_MODEL if on_gpu else CPU_MODEL)
    local = Path(chosen).exists()
    named = name or (Path(chosen).name if local else chosen)
    command = [str(program), "serve", "--model", chosen, "--served-model-name", named]
    command += ["--devices", "gpu" if on_gpu else "cpu"]
    if on_gpu:
        command += ["--enable-structured-output"]
    elif chosen == CPU_MODEL:
        command += ["--quantization-encoding", "q4_k"]
    command += ["--max-length", str(MAX_LENGTH), "--enable-prefix-caching", "--max-queue-size", str(QUEUE)]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    environment = {**QUIET, "MODULAR_HOME": str(cache / "max-home"), **(OFFLINE if local else {})}
    return Serving(tuple(command), named, port, environment)


def small_serving(settings: Settings, program: Path, *, port: int, on_gpu: bool, say: Say) -> Serving:
    """Return how MAX serves the small model: fetched and rewritten once (0.5 GB in the cache), then without any network."""
    folder = settings.cache / "models" / f"{SMALL_MODEL}-max"
    if not (folder / "model.safetensors").is_file():
        source = fetch_small_model(settings)
        say(f"Rewriting {source.name} for MAX (once) ...")
        script = Path(__file__).with_name("gguf_to_max.py")
        python = _python_beside(program)
        ended = subprocess.run([str(python), str(script), str(source), str(folder)], capture_output=True, text=True)
        if ended.returncode:
            why = (ended.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise ConfigurationError(f"{source.name} cannot be rewritten for MAX: {why}")
    return serving(program, port=port, cache=settings.cache, on_gpu=on_gpu, model=str(folder), name=SMALL_MODEL)


def _python_beside(program: Path) -> Path:
    """Return the interpreter of the environment that ``max`` is installed in: its libraries read and write model files."""
    first = program.read_bytes().splitlines()[0].decode(errors="replace")
    if first.startswith("#!") and Path(first[2:].split()[0]).is_file():
        return Path(first[2:].split()[0])
    return program.parent / "python"
