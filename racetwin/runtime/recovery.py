"""From the journal back to the very state the engine had: newest good snapshot, then the frames after it."""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from racetwin.errors import DataError, RacetwinError
from racetwin.runtime.engine import RaceEngine
from racetwin.runtime.journal import Journal
from racetwin.runtime.journal_records import RunInfo, StoredSnapshot
from racetwin.runtime.snapshot import RaceInfo, RaceSnapshot
from racetwin.schemas import DeskAnswer, Recommendation

_JSON = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def pack(dump: dict[str, Any]) -> bytes:
    """Return an engine's dump as bytes for the journal."""
    return zlib.compress(orjson.dumps(dump, option=_JSON), 1)


def unpack(blob: bytes) -> dict[str, Any]:
    """Return the dump that :func:`pack` packed; :class:`DataError` if the bytes are none."""
    try:
        dump = orjson.loads(zlib.decompress(blob))
    except (zlib.error, orjson.JSONDecodeError) as error:
        raise DataError(f"snapshot: cannot be read ({error})") from None
    if not isinstance(dump, dict):
        raise DataError("snapshot: not a dump of an engine")
    return dump


@dataclass(slots=True)
class RecoveryReport:
    """What a recovery did: which snapshot it started from, how much it replayed, what it had to pass over."""

    run_id: str
    race_id: str
    snapshot_frame: int = 0
    replayed: int = 0
    last_frame: int = 0
    lap: int = 0
    time_s: float = 0.0
    state_hash: str = ""
    elapsed_s: float = 0.0
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        found = "; ".join(self.problems) or "no damage"
        start = f"the snapshot after frame {self.snapshot_frame}" if self.snapshot_frame else "the first frame"
        return (
            f"{self.race_id}, run {self.run_id}: from {start}, {self.replayed} frames replayed to lap {self.lap} "
            f"({self.time_s:.1f} s) in {self.elapsed_s:.2f} s; {found}"
        )


class SystemRecoveryManager:
    """Brings an engine back from its journal.

    Examples
    --------
    >>> manager = SystemRecoveryManager(journal)  # doctest: +SKIP
    >>> engine, report = manager.recover()
    >>> print(report)
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    def interrupted(self, race_id: str | None = None) -> RunInfo | None:
        """Return the newest run (of a race) if it was cut off: neither closed in order nor followed by another."""
        runs = self.journal.runs(race_id)
        return runs[0] if runs and runs[0].closed is None and runs[0].frames > 0 else None

    def recover(
        self,
        run_id: str | None = None,
        *,
        upto: int | None = None,
        make: Callable[[RaceInfo], RaceEngine] = RaceEngine,
    ) -> tuple[RaceEngine, RecoveryReport]:
        """Return an engine in the state after the last frame (or frame ``upto``) of a run, and what was done for it.

        A snapshot that is damaged, of another version, or does not have the hash it should is passed over and reported; with
        none left, every frame is replayed. ``make`` builds an empty engine.
        """
        try:
            return self._recover(run_id, upto, make)
        except sqlite3.DatabaseError as error:
            raise self.journal.damaged(error) from None

    def _recover(
        self, run_id: str | None, upto: int | None, make: Callable[[RaceInfo], RaceEngine]
    ) -> tuple[RaceEngine, RecoveryReport]:
        begin = time.perf_counter()
        run = self.journal.run(run_id)
        self.journal.problems.clear()
        report = RecoveryReport(run.run_id, run.race_id)
        target = make(_info(run))
        for stored in self.journal.snapshots(run.run_id, upto=upto):
            problem = self._load(target, stored)
            if problem is None:
                report.snapshot_frame = stored.n
                break
            report.problems.append(problem)
            target = make(_info(run))
        target.run_id = run.run_id
        report.last_frame = report.snapshot_frame
        for n, frame in self.journal.frames(run.run_id, after=report.snapshot_frame, upto=upto):
            try:
                target.ingest(frame)
            except Exception as error:  # it met the same fault when it came; what it did before that is done again, too
                fault = f"frame {n} meets a fault in the engine ({type(error).__name__}: {error})"
                report.problems.append(fault.splitlines()[0])
            report.last_frame = n
            report.replayed += 1
        try:
            self._recall_advice(target, run.run_id, report.last_frame)
        except (sqlite3.DatabaseError, ValueError, KeyError) as error:  # the desk will say it again
            report.problems.append(f"advice cannot be read ({str(error).splitlines()[0]})")
        report.problems.extend(self.journal.problems)
        report.lap = target.frame.lap if target.frame else 0
        report.time_s = target.frame.time_s if target.frame else 0.0
        report.state_hash = target.hash()
        report.elapsed_s = time.perf_counter() - begin
        return target, report

    def _load(self, engine: RaceEngine, stored: StoredSnapshot) -> str | None:
        """Restore a stored snapshot; returns what is wrong with it, None if it is good."""
        name = f"snapshot after frame {stored.n}"
        try:
            engine.restore(unpack(stored.blob))
        except (RacetwinError, KeyError, TypeError, ValueError) as error:
            return f"{name} does not load ({type(error).__name__}: {str(error).splitlines()[0]})"
        found = engine.hash()
        if found != stored.state_hash:
            return f"{name} has hash {found}, expected {stored.state_hash}"
        return None

    def _recall_advice(self, engine: RaceEngine, run_id: str, upto: int) -> None:
        """Give the engine back what the desk last said of the cars it follows."""
        newest: dict[str, tuple[str, list[str]]] = {}
        for _, _, _, car_id, text in self.journal.advice(run_id, upto=upto):
            if text.startswith('{"wording"'):  # what a language model made of advice given before
                if car_id in newest:
                    newest[car_id][1].append(text)
            else:
                newest[car_id] = (text, [])
        for car_id, (text, wordings) in newest.items():
            data = orjson.loads(text)
            answer = None if data["answer"] is None else DeskAnswer.model_validate(data["answer"])
            advice = tuple(Recommendation.model_validate(r) for r in data["advice"])
            engine.book.recall(car_id, answer, advice)
            for wording in wordings:
                engine.book.reword(car_id, Recommendation.model_validate(orjson.loads(wording)["wording"]))


def _info(run: RunInfo) -> RaceInfo:
    return RaceInfo.model_validate(run.info)


def rebuild(
    path: Path,
    run_id: str,
    *,
    lap: int | None = None,
    time_s: float | None = None,
    parameters: Path | None = None,
) -> RaceSnapshot:
    """Return what was known at a moment of a journalled run: when the leader had completed ``lap`` laps, or at ``time_s``.

    Parameters
    ----------
    parameters
        Parameter file to go by; by default the one in use.

    Raises
    ------
    DataError
        If the run did not get that far.
    """
    with Journal(path) as journal:
        if lap is not None:
            upto = journal.lap_frame(run_id, lap)
            if upto is None:
                raise DataError(f"at: lap {lap} was not completed in run {run_id}")
        else:
            assert time_s is not None
            upto = journal.time_frame(run_id, time_s)
            if upto is None:
                raise DataError(f"at: run {run_id} begins after {time_s:g} s")
        engine, report = SystemRecoveryManager(journal).recover(
            run_id, upto=upto, make=lambda info: RaceEngine(info, parameters=parameters)
        )
        if report.last_frame != upto:
            raise DataError(f"at: frame {upto} of run {run_id} cannot be reached ({'; '.join(report.problems)})")
        return engine.snapshot()
