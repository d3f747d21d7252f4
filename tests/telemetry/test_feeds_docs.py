"""The examples of docs/feeds.md run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from racetwin.telemetry.feeds import FEEDS

PAGE = Path(__file__).parents[2] / "docs" / "feeds.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
RUN = [e for e in EXAMPLES if not e.startswith("# not run")]


@pytest.mark.integration
@pytest.mark.parametrize("example", RUN, ids=[next(iter(re.findall(r"from racetwin\.(\S+)", e)), "?") for e in RUN])
def test_example_runs(example, capsys):
    exec(compile(example, str(PAGE), "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out.strip()


@pytest.mark.unit
@pytest.mark.parametrize("example", [e for e in EXAMPLES if e not in RUN])
def test_example_that_needs_the_world_outside_at_least_compiles(example):
    compile(example, str(PAGE), "exec")
    for module, names in re.findall(r"from (racetwin\S*) import (.+)", example):
        exec(f"from {module} import {names}", {})


@pytest.mark.unit
def test_the_page_has_every_feed_and_an_example_for_each():
    text = PAGE.read_text()
    for info in FEEDS:
        assert f"[`{info.name}`]" in text, info.name
    assert len(EXAMPLES) >= len(FEEDS)
