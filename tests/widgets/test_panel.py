"""How data travel to the screen, and how a panel's script is put together."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from racetwin import widgets
from racetwin.widgets._panel import Panel, pack, script, unpack

pytestmark = pytest.mark.unit

PANELS = [getattr(widgets, name) for name in widgets.__all__ if name != "RaceDayBoard"]


@given(
    st.dictionaries(
        st.sampled_from("abcdef"), st.one_of(st.text(), st.integers(-(2**40), 2**40), st.none(), st.booleans())
    ),
    st.lists(st.floats(-1e6, 1e6, width=32), max_size=40),
    st.integers(1, 4),
)
def test_what_is_packed_comes_out_again(head: dict[str, object], values: list[float], columns: int) -> None:
    rows = len(values) // columns
    grid = np.array(values[: rows * columns], dtype=np.float32).reshape(rows, columns)
    out = unpack(pack(head, grid=grid, line=np.arange(3)))
    assert {k: out[k] for k in head} == head
    assert out["grid"].shape == (rows, columns)
    np.testing.assert_array_equal(out["grid"], grid)
    np.testing.assert_array_equal(out["line"], [0, 1, 2])


def test_arrays_begin_at_a_multiple_of_four_whatever_the_text() -> None:
    for text in ("", "a", "ab", "abc", "é", "–"):
        data = pack({"text": text}, x=np.array([1.5, np.nan]))
        assert (len(data) - 8) % 4 == 0
        assert unpack(data)["x"][0] == 1.5


def test_missing_numbers_in_the_head_become_null() -> None:
    assert unpack(pack({"gap": float("nan")}))["gap"] is None


@pytest.mark.parametrize("panel", PANELS, ids=lambda p: p.__name__)
def test_a_panel_is_one_module_and_fetches_nothing(panel: type[Panel]) -> None:
    text, style = str(panel._esm), str(panel._css)
    assert "import " not in "\n".join(
        line for line in text.splitlines() if not line.lstrip().startswith(("//", "*", "/*"))
    )
    assert text.count("export default") == 1
    for word in ("http://", "https://", "//cdn", "@import", "url("):
        assert word not in style
        assert word not in text.replace("http://www.w3.org/2000/svg", "")


def test_a_script_without_the_shared_helpers_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "format.js").write_text("export function f() {}")
    (tmp_path / "odd.js").write_text("export default {};")
    monkeypatch.setattr("racetwin.widgets._panel._HERE", tmp_path)
    with pytest.raises(ValueError, match=r"odd\.js: 0 imports"):
        script("odd")


@pytest.mark.parametrize("panel", PANELS, ids=lambda p: p.__name__)
def test_the_representation_holds_neither_data_nor_address(panel: type[Panel]) -> None:
    one, two = panel(), panel()
    one.data = pack({"secret": 1})
    assert repr(one) == repr(two) == f"{panel.__name__}()"


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node, which only checks the syntax")
@pytest.mark.parametrize("panel", PANELS, ids=lambda p: p.__name__)
def test_scripts_are_valid_modules(panel: type[Panel], tmp_path: Path) -> None:
    file = tmp_path / "panel.mjs"
    file.write_text(str(panel._esm), encoding="utf-8")
    done = subprocess.run(["node", "--check", str(file)], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
