"""What `racetwin max` would run on this hardware, and what `racetwin max-test` and `racetwin advice` print: the real commands."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.model_server import MODEL, Server, honest, running
from typer.testing import CliRunner

from racetwin.cli.app import app
from racetwin.config import settings
from racetwin.servers.max_environment import CPU_MODEL, GPU_MODEL, serving

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _settings_of_the_test() -> Iterator[None]:
    """Settings are read once a process: each test reads its own."""
    yield
    settings.cache_clear()


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a program 'max' that is found and never run: what is tested is the command it would be run with."""
    file = tmp_path / "max"
    file.write_text("#!/bin/sh\nexit 1\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("RACETWIN_MAX_PROGRAM", str(file))
    monkeypatch.setenv("RACETWIN_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("RACETWIN_CACHE", str(tmp_path / "cache"))
    settings.cache_clear()
    return file


def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, card: str | None) -> None:
    """Give the machine a GPU, or none: what `nvidia-smi -L` says."""
    folder = tmp_path / "programs"
    folder.mkdir()
    if card is not None:
        smi = folder / "nvidia-smi"
        smi.write_text(f"#!/bin/sh\necho '{card}'\n")
        smi.chmod(smi.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin" if card else str(folder))


def shown(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["max", "start", "--show", *arguments])
    assert done.exit_code == 0, done.output
    return done.output.strip()


def test_on_a_gpu_the_production_model_with_answers_to_a_schema(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(tmp_path, monkeypatch, "GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-1)")
    command = shown("--port", "8123")
    assert command.startswith(f"{program} serve --model {GPU_MODEL} ")
    for flag in ("--devices gpu", "--enable-structured-output", "--enable-prefix-caching", "--max-queue-size 4"):
        assert flag in command
    assert command.endswith("--host 127.0.0.1 --port 8123")
    on_cpu = shown("--cpu")
    assert "--devices cpu" in on_cpu
    assert "structured" not in on_cpu


def test_without_a_gpu_four_bit_weights(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(tmp_path, monkeypatch, None)
    command = shown()
    assert f"--model {CPU_MODEL} " in command
    assert "--devices cpu --quantization-encoding q4_k" in command
    assert "structured" not in command


def test_a_model_on_disk_is_served_by_its_name_and_asks_no_hub(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(tmp_path, monkeypatch, None)
    folder = tmp_path / "my-model"
    folder.mkdir()
    command = shown("--model", str(folder))
    assert f"--model {folder} --served-model-name my-model" in command
    assert "q4_k" not in command
    one = serving(program, port=1, cache=tmp_path, on_gpu=False, model=str(folder))
    assert one.environment["HF_HUB_OFFLINE"] == "1"
    assert "HF_HUB_OFFLINE" not in serving(program, port=1, cache=tmp_path, on_gpu=True).environment
    missing = CliRunner().invoke(app, ["max", "start", "--show", "--model", str(tmp_path / "nowhere")])
    assert missing.exit_code != 0


def test_the_small_model_is_rewritten_once_and_served_by_its_name(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(tmp_path, monkeypatch, None)
    folder = tmp_path / "cache" / "models" / "SmolLM2-135M-Instruct-max"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"rewritten before")
    assert f"--model {folder} --served-model-name SmolLM2-135M-Instruct" in shown("--small")


def test_status_and_stop_without_a_server(program: Path) -> None:
    found = CliRunner().invoke(app, ["max", "status", "--json"])
    assert found.exit_code == 1
    assert json.loads(found.output)["state"] == "stopped"
    assert "was not running" in CliRunner().invoke(app, ["max", "stop"]).output


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with running() as (served, url):
        served.reply = honest
        monkeypatch.setenv("RACETWIN_LLM_URL", url)
        monkeypatch.setenv("RACETWIN_LLM_MODEL", MODEL)
        monkeypatch.delenv("RACETWIN_DATA", raising=False)
        settings.cache_clear()
        yield served


def test_max_test_streams_the_text_and_tells_timing_and_verdict(server: Server) -> None:
    done = CliRunner().invoke(app, ["max-test"])
    assert done.exit_code == 0, done.output
    assert "SIMULATED race" in done.output
    assert "".join(server.words) in done.output.replace("\n", ""), "the text, whole and as it came"
    assert "answer 1:" in done.output
    assert "verdict: the model's wording passes and is shown" in done.output


def test_max_test_for_scripts(server: Server) -> None:
    done = CliRunner().invoke(app, ["max-test", "--json"])
    found = json.loads(done.output)
    assert (found["model"], found["takes_schema"]) == (MODEL, True)
    assert found["advice"][0]["passed"]
    assert found["advice"][0]["answers"] == ["".join(server.words)]
    assert found["usage"]["requests"] == 1


def test_max_test_says_what_the_server_does_not_take(server: Server) -> None:
    server.refuses = lambda body: (400, "'seed' is not supported") if "seed" in body else None
    done = CliRunner().invoke(app, ["max-test"])
    assert done.exit_code == 0, done.output
    assert "the server does not take seed and is asked without: 400" in " ".join(done.output.split())
    found = json.loads(CliRunner().invoke(app, ["max-test", "--json"]).output)
    assert list(found["given_up"]) == ["seed"]


def test_max_test_without_a_server_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RACETWIN_LLM_URL", "http://127.0.0.1:9/v1")
    settings.cache_clear()
    done = CliRunner().invoke(app, ["max-test"])
    assert done.exit_code != 0
    assert "no model server answers" in f"{done.output}{done.exception}"
