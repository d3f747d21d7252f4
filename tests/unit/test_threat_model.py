"""The threat model is one page, and each of its lines names tests that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "threat-model.md"
HOME = "tests/api/test_security.py"


def lines() -> list[tuple[str, list[str]]]:
    """Return each threat with the tests its line names."""
    found = []
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3 and cells[0] != "threat" and not cells[0].startswith("---"):
            found.append((cells[0], re.findall(r"`([^`]+)`", cells[2])))
    return found


def test_page_is_one_page() -> None:
    assert len(PAGE.read_text().split()) < 900
    assert len(lines()) >= 15


@pytest.mark.parametrize(("threat", "tests"), lines(), ids=[t for t, _ in lines()])
def test_each_line_names_tests_that_exist(threat: str, tests: list[str]) -> None:
    assert tests, f"no test is named for: {threat}"
    for test in tests:
        file, _, name = test.partition("::") if test.startswith("tests/") else (HOME, "", test)
        text = (ROOT / file).read_text()
        assert not name or re.search(rf"def {name}\(", text), f"{test} does not exist"


def test_audit_is_part_of_ci() -> None:
    assert "slow audit" in (ROOT / ".ci" / "run").read_text()
    assert re.search(r"^audit:.*\n\t@?\$\(BIN\)/python tests/audit.py", (ROOT / "Makefile").read_text(), re.MULTILINE)


SECRET = re.compile(
    r"Bearer [\w-]{6,}|RACETWIN_\w*(?:TOKEN|PASSWORD|API_KEY)\s*=\s*\S|(?:token|password|api_key)=['\"][^'\"]+['\"]"
)


@pytest.mark.parametrize("notebook", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.name)
def test_no_notebook_holds_a_secret(notebook: Path) -> None:
    cells = json.loads(notebook.read_text())["cells"]
    texts = [json.dumps([cell["source"], cell.get("outputs", [])]) for cell in cells]
    assert not [match[0] for text in texts for match in SECRET.finditer(text)]
