"""The scoreboard's page is written from the rows, and only its table changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from racetwin.cli.app import app
from racetwin.errors import InputError
from racetwin.evaluation.scoreboard_page import write_table
from racetwin.evaluation.scores import Row, note_row

pytestmark = pytest.mark.unit

ROWS = [
    Row("rejoin position, exact %", 61.25, 58.0, float("nan"), 1402, 44.0, 62.0, 70.0, False).as_dict(),
    Row("cover of 90 %", 90.0, 89.0, 91.0, 5, None, [88.0, 92.0], None, True).as_dict(),
]
PAGE = "# Page\n\n<!-- table validation -->\nold\n<!-- end validation -->\n\nAfter.\n"


def test_the_command_replaces_the_table_and_nothing_else(tmp_path: Path) -> None:
    rows, page = tmp_path / "rows.json", tmp_path / "page.md"
    rows.write_text(json.dumps(ROWS))
    page.write_text(PAGE)
    done = CliRunner().invoke(app, ["scoreboard", str(rows), str(page)])
    assert done.exit_code == 0, done.output
    text = page.read_text()
    assert text.startswith("# Page\n\n<!-- table validation -->\n| forecast |")
    assert "| rejoin position, exact % | 61.2 | 58.0 to  | 1,402 | 44.0 | 62.0 | 70.0 | no |" in text
    assert "| cover of 90 % | 90.0 | 89.0 to 91.0 | 5 |  | 88-92 |  | yes |" in text
    assert text.endswith("<!-- end validation -->\n\nAfter.\n")
    assert "old" not in text
    assert write_table(text, "validation", ROWS) == text


def test_what_was_not_scored_stands_below_the_table() -> None:
    rows = [*ROWS, note_row("skipped: 2021-12-belgium: no racing lap").as_dict()]
    assert list(rows[-1]) == list(ROWS[0])
    text = write_table(PAGE, "validation", rows)
    assert "\n\nskipped: 2021-12-belgium: no racing lap\n<!-- end" in text
    assert "| skipped" not in text


def test_a_page_without_the_place_is_refused() -> None:
    with pytest.raises(InputError, match="no lines"):
        write_table("# Page\n", "validation", ROWS)
