"""What is promised about the package as a whole: its environment, names and layout."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import racetwin

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_environment_yml_is_in_step_with_pyproject() -> None:
    text = (ROOT / "environment.yml").read_text()
    listed = re.findall(r'^ {6}- "(.+)"$', text, flags=re.MULTILINE)
    wanted = [*PROJECT["dependencies"], *(d for extra in PROJECT["optional-dependencies"].values() for d in extra)]
    assert sorted(listed) == sorted([*wanted, "-e ."])


@pytest.mark.parametrize(
    "package",
    ["jupyterlab", "ipywidgets", "anywidget", "numpy", "cupy", "pandas", "plotly", "httpx", "nbval", "pytest"],
)
def test_package_that_users_count_on_is_in_the_environment(package: str) -> None:
    assert re.search(rf'^ {{6}}- "{package}[^a-z]', (ROOT / "environment.yml").read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("name", [n for n in racetwin.__all__ if n != "__version__"])
def test_public_name_can_be_imported_from_racetwin(name: str) -> None:
    assert getattr(racetwin, name) is not None


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Schumacher"):
        _ = racetwin.Schumacher


@pytest.mark.parametrize(
    "room", ["telemetry", "simulation", "twins", "strategist", "runtime", "api", "widgets", "calibration", "evaluation"]
)
def test_every_room_says_what_it_is_for(room: str) -> None:
    doc = importlib.import_module(f"racetwin.{room}").__doc__
    assert doc is not None
    assert len(doc) > 60


def test_an_engine_comes_back_without_loading_what_it_does_not_need() -> None:
    """Tables, plots and compilers take seconds to import: a restart on race day must not wait for them."""
    heavy = ("pandas", "pyarrow", "numba", "scipy", "plotly", "matplotlib")
    code = f"import sys, racetwin.api.serve; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
