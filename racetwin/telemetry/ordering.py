"""Frames of several feeds into one order of time, within bounded windows.

Each source's frames are numbered: one that is missing is waited for while a few later ones come, then given up. Across sources,
a frame waits until no other source that still speaks can come with an earlier one.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from racetwin.schemas import FeedGap, TelemetryFrame

WINDOW = 16
"""Frames of one source that wait for a missing one before it is given up."""
ACROSS_S = 0.5
"""How long the frame of one source waits for those of another, s of race time."""
SILENT_S = 5.0
"""A source this far behind the others is not waited for."""
GAP_S = 1.0
"""Silence with frames missing that counts as a gap, s; with none missing it is 20 usual intervals and at least 5 s."""


@dataclass(slots=True)
class Counters:
    """What came in and what became of it, in frames unless said otherwise.

    ``rejected`` counts refusals by kind; ``rejected_frames`` frames refused whole; ``rejected_cars`` cars left out of a frame
    that was accepted; ``missing`` frames that never came; ``gaps`` silences marked by a :class:`racetwin.schemas.FeedGap`;
    ``releases`` inputs that only let go the frames that waited.
    """

    received: int = 0
    accepted: int = 0
    rejected_frames: int = 0
    rejected_cars: int = 0
    duplicates: int = 0
    late: int = 0
    releases: int = 0
    missing: int = 0
    gaps: int = 0
    events: int = 0
    inferred: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Source:
    """Where one feed is: the last frame released, those that wait, and the numbers just before its first that may still come."""

    seq: int = -1
    time_s: float = -1e18
    usual_s: float = 0.0
    heard: int = 0
    heard_seq: int = -1
    heard_s: float = 0.0
    given_up: list[int] = field(default_factory=list)
    before: list[int] = field(default_factory=list)
    waiting: dict[int, TelemetryFrame] = field(default_factory=dict)


class Order:
    """The frames that wait, and where each source is.

    Parameters
    ----------
    counters
        What is counted here: duplicates, late and missing frames.
    window
        Frames of one source that wait for a missing one.

    Attributes
    ----------
    late : list of TelemetryFrame
        Frames that came after their time had passed, for whoever takes what they still add.
    """

    def __init__(self, counters: Counters, window: int = WINDOW) -> None:
        self.counters, self.window = counters, window
        self.late: list[TelemetryFrame] = []
        self.sources: dict[str, _Source] = {}
        self._ready: list[tuple[float, str, int, int, TelemetryFrame]] = []
        self._pushed = 0

    @property
    def waiting(self) -> int:
        """Frames taken and not released yet."""
        return len(self._ready) + sum(len(s.waiting) for s in self.sources.values())

    def put(self, frame: TelemetryFrame) -> None:
        """Take a frame in the order in which it came."""
        seq = frame.seq
        state = self.sources.get(frame.source)
        if state is None:
            state = self.sources[frame.source] = _Source(seq=seq - 1, before=[*range(max(seq - self.window, 0), seq)])
        if seq == state.seq + 1:
            self._pass_on(state, frame)
            self._follow_on(state)
        elif seq > state.seq:
            if seq in state.waiting:
                self.counters.duplicates += 1
                return
            state.waiting[seq] = frame
            if len(state.waiting) > self.window:
                self._give_up(state)
        elif frame.time_s > state.time_s + GAP_S and (seq == 0 or seq < state.seq - self.window):
            self._restart(state, frame)
        elif seq in state.given_up:
            state.given_up.remove(seq)
            self.counters.missing -= 1
            self.counters.late += 1
            self.late.append(frame)
        elif seq in state.before:
            state.before.remove(seq)
            self.counters.late += 1
            self.late.append(frame)
        else:
            self.counters.duplicates += 1

    def flush(self) -> None:
        """Give up all missing frames: nothing more will come."""
        for name in sorted(self.sources):
            self._let_all_go(self.sources[name])

    def give_up(self) -> None:
        """Wait no longer for the missing frames: those that come after all are late, and counted so."""
        for name in sorted(self.sources):
            while self.sources[name].waiting:
                self._give_up(self.sources[name])

    def newest_waiting(self) -> TelemetryFrame | None:
        """Return the newest of the frames that wait."""
        held = [e[-1] for e in self._ready] + [f for s in self.sources.values() for f in s.waiting.values()]
        return max(held, key=lambda f: (f.time_s, f.source, f.seq), default=None)

    def take(self, *, final: bool) -> list[TelemetryFrame]:
        """Return, in order of time, the frames that nothing older can precede any more (``final``: all)."""
        ready = self._ready
        if not ready:
            return []
        if final or len(self.sources) == 1:
            until = float("inf")
        else:
            newest = max(s.time_s for s in self.sources.values())
            live = [s.time_s for s in self.sources.values() if s.time_s > newest - SILENT_S]
            until = max(min(live), newest - ACROSS_S)
        taken = []
        while ready and ready[0][0] <= until:
            taken.append(heapq.heappop(ready)[-1])
        return taken

    def gap(self, frame: TelemetryFrame) -> FeedGap | None:
        """Hear a frame in its turn; return the silence of its source before it, if it was one."""
        state = self.sources[frame.source]
        since, skipped = state.heard_s, frame.seq != state.heard_seq + 1
        state.heard, state.heard_seq, state.heard_s = state.heard + 1, frame.seq, frame.time_s
        if state.heard == 1:
            return None
        silence, usual = frame.time_s - since, state.usual_s
        state.usual_s = silence if state.heard == 2 else usual + 0.05 * (min(silence, 10 * usual + 0.1) - usual)
        steady = state.heard > 20 and usual <= 1.0 and silence > max(5.0, 20 * usual)
        if (skipped and silence > GAP_S) or steady:
            return FeedGap(time_s=frame.time_s, source=frame.source, since_s=since)
        return None

    def _follow_on(self, state: _Source) -> None:
        while state.seq + 1 in state.waiting:
            self._pass_on(state, state.waiting.pop(state.seq + 1))

    def _give_up(self, state: _Source) -> None:
        """Stop waiting for the missing frame: go on with the next there is."""
        following = min(state.waiting)
        lost = range(state.seq + 1, following)
        self.counters.missing += len(lost)
        state.given_up = [*state.given_up, *lost[-64:]][-64:]
        state.seq = following - 1
        self._follow_on(state)

    def _let_all_go(self, state: _Source) -> None:
        for seq in sorted(state.waiting):
            self._pass_on(state, state.waiting[seq])
        state.waiting.clear()

    def _restart(self, state: _Source, frame: TelemetryFrame) -> None:
        """A source that counts from the start again, later in the race, has been restarted."""
        self._let_all_go(state)
        state.given_up.clear()
        self._pass_on(state, frame)

    def _pass_on(self, state: _Source, frame: TelemetryFrame) -> None:
        """Hand a frame on from its source's order to that of all sources."""
        state.seq = frame.seq
        if frame.time_s < state.time_s:
            self.counters.late += 1
            self.late.append(frame)
            return
        self._pushed += 1
        heapq.heappush(self._ready, (frame.time_s, frame.source, frame.seq, self._pushed, frame))
        state.time_s = frame.time_s

    # --- keeping and restoring ----------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """Return the state as JSON-able values."""
        sources = {}
        for name, state in self.sources.items():
            values = {field: getattr(state, field) for field in _Source.__slots__}
            values |= {"given_up": list(state.given_up), "before": list(state.before)}
            values["waiting"] = [state.waiting[seq].model_dump(mode="json") for seq in sorted(state.waiting)]
            sources[name] = values
        ready = [[*e[:-1], e[-1].model_dump(mode="json")] for e in sorted(self._ready, key=lambda e: e[:-1])]
        return {"window": self.window, "pushed": self._pushed, "sources": sources, "ready": ready}

    @classmethod
    def load(cls, values: dict[str, Any], counters: Counters) -> Order:
        """Return what :meth:`dump` gave."""
        made, frame = cls(counters, values["window"]), TelemetryFrame.model_validate
        made._pushed = values["pushed"]
        for name, state in values["sources"].items():
            waiting = [frame(w) for w in state["waiting"]]
            made.sources[name] = _Source(**{**state, "waiting": {w.seq: w for w in waiting}})
        made._ready = [(t, name, seq, n, frame(w)) for t, name, seq, n, w in values["ready"]]
        return made
