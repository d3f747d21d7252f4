"""Schemathesis over the whole API: whatever is asked, the answer is what the documentation says it may be.

``RACETWIN_CONTRACT_EXAMPLES`` says how many questions are asked of each operation (default 15).
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from racetwin.schemas import TelemetryFrame

pytestmark = pytest.mark.integration

EXAMPLES = int(os.environ.get("RACETWIN_CONTRACT_EXAMPLES", "15"))


@pytest.fixture(scope="module")
def api(race: list[TelemetryFrame], tmp_path_factory: pytest.TempPathFactory, serve_guarded: Any) -> Any:
    with serve_guarded(race, tmp_path_factory.mktemp("contract"), journal=True) as server:
        yield schemathesis.openapi.from_url(f"{server.url}/openapi.json")


def test_every_answer_is_as_documented(api: Any) -> None:
    failures: list[str] = []
    operations = [found.ok() for found in api.get_all_operations()]
    assert len(operations) >= 18
    for operation in operations:

        @given(case=operation.as_strategy())
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        def answers(case: Any) -> None:
            case.call_and_validate(timeout=60)

        try:
            answers()
        except BaseExceptionGroup as group:
            failures.extend(f"{operation.label}: {error}" for error in group.exceptions)
        except Exception as error:
            failures.append(f"{operation.label}: {error}")
    assert not failures, "\n\n".join(failures)
