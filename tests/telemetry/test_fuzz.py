"""A short run of the fuzzer over every parser; the long one is ``python -m racetwin.evaluation.fuzz --seconds 600``."""

from __future__ import annotations

import pytest

from racetwin.evaluation.fuzz import Found, fuzz, targets

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("name", [t.name for t in targets()])
def test_no_input_crashes_hangs_or_swells_a_parser(name: str) -> None:
    found = fuzz(2.0, seed=7, only=name)
    assert found.failures == []
    assert found.inputs[name] > 20


def test_good_inputs_make_frames() -> None:
    found = Found()
    for target in targets():
        parse = target.make()
        made = [raw for data in target.corpus for raw in parse(data)]
        assert made, target.name
    assert found.failures == []


def test_a_parser_that_breaks_is_reported() -> None:
    from random import Random

    from racetwin.evaluation.fuzz import Target

    def broken(data: bytes) -> list[bytes]:
        raise KeyError(data[:1])

    found = Found()
    Target("broken", lambda: broken, [b"{}"]).fuzz(0.05, Random(1), found)
    assert found.failures[0].startswith("broken: KeyError")
