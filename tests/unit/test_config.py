from __future__ import annotations

from pathlib import Path

import pytest

from racetwin.config import Settings

pytestmark = pytest.mark.unit

PATHS = [name for name, field in Settings.model_fields.items() if field.annotation in (Path, Path | None)]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"RACETWIN_{name.upper()}", raising=False)
    monkeypatch.setenv("RACETWIN_CONFIG", str(tmp_path / "racetwin.toml"))


def test_there_are_paths_to_set() -> None:
    assert {"data", "library", "state", "cache", "parameters", "tls_certificate", "tls_key", "max_program"} <= {*PATHS}


@pytest.mark.parametrize("name", [*PATHS, "host", "token", "races", "cluster"])
def test_an_empty_setting_is_not_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    unset = getattr(Settings(), name)
    monkeypatch.setenv(f"RACETWIN_{name.upper()}", "")
    assert getattr(Settings(), name) == unset
    (tmp_path / "racetwin.toml").write_text(f'{name} = ""\n')
    assert getattr(Settings(), name) == unset


def test_an_empty_variable_leaves_the_file_its_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "racetwin.toml").write_text('data = "/races"\n')
    monkeypatch.setenv("RACETWIN_DATA", "")
    assert Settings().data == Path("/races")
    monkeypatch.setenv("RACETWIN_DATA", "/other")
    assert Settings().data == Path("/other")
