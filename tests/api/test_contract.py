"""Schemathesis over the whole API, all checks on: whatever is asked, the answer is what the documentation says it may be.

The server asks for a token, so that what is answered without one is checked, too. ``RACETWIN_CONTRACT_EXAMPLES`` says how many
questions are asked of each operation, of those it takes and of those it must refuse each (default 15).
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from racetwin.schemas import TelemetryFrame

pytestmark = pytest.mark.integration

EXAMPLES = int(os.environ.get("RACETWIN_CONTRACT_EXAMPLES", "15"))
TOKEN = "a-token-of-the-contract"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def api(race: list[TelemetryFrame], tmp_path_factory: pytest.TempPathFactory, serve_guarded: Any) -> Any:
    with serve_guarded(race, tmp_path_factory.mktemp("contract"), journal=True, token=TOKEN) as server:
        yield schemathesis.openapi.from_url(f"{server.url}/openapi.json", headers=HEADERS)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_every_answer_is_as_documented(api: Any, mode: GenerationMode) -> None:
    failures: list[str] = []
    asked = 0
    operations = [found.ok() for found in api.get_all_operations()]
    assert len(operations) >= 18
    for operation in operations:

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def answers(case: Any) -> None:
            nonlocal asked
            case.call_and_validate(headers=HEADERS, timeout=60)
            asked += 1

        try:
            answers()
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE, operation.label
            assert not list(operation.iter_parameters()), f"{operation.label}: nothing wrong could be asked"
        except BaseExceptionGroup as group:
            failures.extend(f"{operation.label}: {error}" for error in group.exceptions)
        except Exception as error:
            failures.append(f"{operation.label}: {error}")
    assert not failures, "\n\n".join(failures)
    assert asked >= EXAMPLES
