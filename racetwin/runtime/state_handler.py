"""The face of persisted state: journals by race, what is in them, and getting it out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from racetwin.config import Settings
from racetwin.config import settings as process_settings
from racetwin.errors import DataError, InputError
from racetwin.runtime.journal import Journal
from racetwin.runtime.journal_records import RunInfo
from racetwin.schemas import TelemetryFrame

if TYPE_CHECKING:
    import pandas as pd

    from racetwin.runtime.snapshot import RaceSnapshot

EXPORT_VERSION = "racetwin-journal/1"
"""Version of the exported tables, written into the metadata of each Parquet file."""


class StateHandler:
    """What was kept of the races that engines have run.

    Parameters
    ----------
    settings
        ``settings.state`` is the folder; default: the process's settings.

    Examples
    --------
    >>> state = StateHandler()
    >>> state.journals()  # doctest: +SKIP
    >>> state.snapshot("2023-15-singapore", lap=23)  # doctest: +SKIP
    """

    def __init__(self, settings: Settings | None = None) -> None:
        chosen = settings or process_settings()
        self.folder = chosen.state / "journals"
        self._parameters = chosen.parameters

    def path(self, race_id: str) -> Path:
        """Return the journal file of a race, whether it is there or not."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", race_id):
            raise InputError(f"race_id: {race_id!r} cannot name a file; use letters, digits, '-', '_' and '.'")
        return self.folder / f"{race_id}.sqlite"

    def journals(self) -> pd.DataFrame:
        """Return one row a run: journal, run, race, when it began and ended, frames, size; newest first."""
        import pandas as pd

        rows: list[dict[str, Any]] = []
        for path in sorted(self.folder.glob("*.sqlite")) if self.folder.is_dir() else []:
            try:
                with Journal(path) as journal:
                    rows.extend(
                        {
                            "journal": path.stem,
                            "run_id": run.run_id,
                            "race_id": run.race_id,
                            "started": datetime.fromtimestamp(run.started, UTC),
                            "closed": None if run.closed is None else datetime.fromtimestamp(run.closed, UTC),
                            "frames": run.frames,
                            "bytes": journal.size,
                        }
                        for run in journal.runs()
                    )
            except DataError as error:
                rows.append({"journal": path.stem, "run_id": None, "race_id": f"unreadable: {error}"})
        columns = ["journal", "run_id", "race_id", "started", "closed", "frames", "bytes"]
        table = pd.DataFrame(rows, columns=columns)
        return table.sort_values("started", ascending=False, ignore_index=True) if len(table) else table

    def open(self, race_id: str, *, write: bool = False) -> Journal:
        """Open the journal of a race."""
        return Journal(self.path(race_id), write=write)

    def runs(self, race_id: str) -> list[RunInfo]:
        """Return the runs of a race's journal, newest first."""
        with self.open(race_id) as journal:
            return journal.runs()

    def frames(self, race_id: str, run_id: str | None = None) -> Iterator[TelemetryFrame]:
        """Yield the frames of a run (default: the newest) as they were accepted."""
        with self.open(race_id) as journal:
            run = journal.run(run_id)
            for _, data in journal.frames(run.run_id):
                yield TelemetryFrame.model_validate_json(data)
            if journal.problems:
                raise DataError(f"journal {race_id}, run {run.run_id}: {'; '.join(journal.problems)}")

    def snapshot(
        self, race_id: str, run_id: str | None = None, *, lap: int | None = None, time_s: float | None = None
    ) -> RaceSnapshot:
        """Return what was known when the leader had completed ``lap`` laps, or at ``time_s``: time travel."""
        from racetwin.runtime.recovery import rebuild

        if (lap is None) == (time_s is None):
            raise InputError("snapshot: give either lap or time_s")
        with self.open(race_id) as journal:
            run = journal.run(run_id)
        return rebuild(self.path(race_id), run.run_id, lap=lap, time_s=time_s, parameters=self._parameters)

    def export(self, race_id: str, folder: Path, run_id: str | None = None) -> list[Path]:
        """Write a run as Parquet (``frames``, ``events``, ``advice``), with its version in the metadata; returns the files."""
        from racetwin.runtime.journal_export import export_run

        with self.open(race_id) as journal:
            return export_run(journal, journal.run(run_id), Path(folder), EXPORT_VERSION)

    def compact(self, race_id: str, *, keep_runs: int = 10, older_than_s: float | None = None) -> list[str]:
        """Delete all but the newest runs of a race, and all older than that; give the space back; returns the deleted ids."""
        with self.open(race_id, write=True) as journal:
            return journal.compact(keep_runs=keep_runs, older_than_s=older_than_s)
