"""Every notebook is a regression test: it runs top to bottom, ends by itself and gives its committed output, cell by cell."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(p.name for p in FOLDER.glob("*.ipynb"))


def code_of(name: str) -> str:
    cells = nbformat.read(FOLDER / name, as_version=4).cells
    return "\n".join(c.source for c in cells if c.cell_type == "code")


READS_DATA = [n for n in NOTEBOOKS if re.search(r"LiveRace\.auto|RaceLibrary\(|settings\(\)", code_of(n))]
"""Notebooks that could come out otherwise where there are race data; the others would only be run twice."""


def run(notebook: Path, *, data: bool, more: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run one notebook under nbval, with race data (where there are any) or without."""
    environment = dict(os.environ) | (more or {})
    if not data:
        environment.pop("RACETWIN_DATA", None)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval",
        "--nbval-cell-timeout=180",
        "-q",
        "-p",
        "no:cacheprovider",
        "-o",
        "timeout=800",
    ]
    return subprocess.run(
        [*command, notebook.name],
        cwd=notebook.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )


def copied(tmp_path: Path, name: str) -> Path:
    for file in (name, "conftest.py"):
        shutil.copy(FOLDER / file, tmp_path / file)
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return tmp_path / name


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_gives_its_committed_output_without_race_data(name: str) -> None:
    done = run(FOLDER / name, data=False)
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.data
@pytest.mark.parametrize("name", READS_DATA)
def test_gives_the_same_output_with_race_data(name: str, race_data: Path) -> None:
    done = run(FOLDER / name, data=True)
    assert done.returncode == 0, done.stdout[-4000:]


def test_a_changed_number_is_caught(tmp_path: Path) -> None:
    notebook = copied(tmp_path, "00_quickstart.ipynb")
    text = notebook.read_text(encoding="utf-8")
    assert "52 laps" in text
    notebook.write_text(text.replace("52 laps", "53 laps"), encoding="utf-8")
    done = run(notebook, data=False)
    assert done.returncode == 1
    assert "Cell outputs differ" in done.stdout


@pytest.mark.parametrize("broken_part", ["RaceDayBoard._show_track", "LiveRace.fan"], ids=["drawing", "asking"])
def test_an_error_in_a_background_thread_is_caught(tmp_path: Path, broken_part: str) -> None:
    notebook = copied(tmp_path, "01_race_day.ipynb")
    text = notebook.read_text(encoding="utf-8")
    broken = text.replace(
        '"live = LiveRace.auto(', f'"{broken_part} = lambda *a, **k: 1 / 0\\n",\n    "live = LiveRace.auto('
    )
    assert broken != text
    notebook.write_text(broken, encoding="utf-8")
    done = run(notebook, data=False)
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stdout


SEED = "var seed = bitcast[DType.uint32, 1](i[unsafe_offset=I_SEED])"
MUTATIONS = {
    "widget": ("racetwin/widgets/tower.py", '"position": position,', '"position": position + 1 if position else None,'),
    "kernel": ("kernels/race_cpu.mojo", SEED, f"{SEED} + 1"),
    "twin": ("racetwin/twins/pace_filter.py", "noise = m.noise_s**2 *", "noise = 2.0 * m.noise_s**2 *"),
}
"""A number changed in a widget, in the race kernel and in a twin: file, what stood there, what stands there then."""


@pytest.mark.backtest
@pytest.mark.parametrize(
    ("what", "name"), [("widget", "07_gallery"), ("kernel", "00_quickstart"), ("twin", "03_tyres")]
)
def test_a_number_changed_in_the_package_is_caught(tmp_path: Path, what: str, name: str) -> None:
    if what == "kernel":
        pytest.importorskip("mojo", reason="the Mojo compiler (extra [mojo]) is not installed")
    file, old, new = MUTATIONS[what]
    changed = tmp_path / "changed"
    skipped = shutil.ignore_patterns("__pycache__")
    for folder in ("racetwin", "kernels"):
        shutil.copytree(FOLDER.parent / folder, changed / folder, ignore=skipped)
    text = (changed / file).read_text(encoding="utf-8")
    assert old in text
    (changed / file).write_text(text.replace(old, new), encoding="utf-8")
    more = (
        {"PYTHONPATH": str(changed), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        if what == "kernel"
        else {"PYTHONPATH": str(changed)}
    )
    done = run(copied(tmp_path, f"{name}.ipynb"), data=False, more=more)
    assert done.returncode == 1, done.stdout[-3000:]
    assert "Cell outputs differ" in done.stdout, done.stdout[-3000:]


@pytest.mark.unit
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_is_short_and_explained(name: str) -> None:
    notebook = nbformat.read(FOLDER / name, as_version=4)
    code = [c for c in notebook.cells if c.cell_type == "code"]
    assert notebook.cells[0].cell_type == "markdown"
    assert len(notebook.cells) <= 20
    assert any(c.cell_type == "markdown" for c in notebook.cells[1:])
    for cell in code:
        assert len(cell.source.splitlines()) <= 15, cell.source


@pytest.mark.unit
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_holds_no_widget_state_and_no_trace_of_a_machine(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert "widgets" not in json.loads(text)["metadata"]
    for word in ("/home/", "/root/", "/tmp/", "/Users/"):
        assert word not in text
