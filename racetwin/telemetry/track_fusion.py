"""The track as several feeds tell it: its status from the feed that knows it, each reading from the best that has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from racetwin.schemas import TrackConditions, TrackStatus

STATUS_HANDICAP_S = 30.0
"""How much newer the status of a feed must be that never told one but green: to leave it out reads as green too."""
READINGS = tuple(name for name in TrackConditions.model_fields if name not in ("status", "status_since_s"))


class TrackFusion:
    """What each feed says of the track, and what follows from it.

    A feed counts by the time of its newest word less a handicap, as in :mod:`racetwin.telemetry.fusion`.
    """

    def __init__(self) -> None:
        self._said: dict[str, tuple[TrackConditions, float]] = {}
        self._tell_status: set[str] = set()

    def hear(self, source: str, track: TrackConditions, time_s: float) -> None:
        """Take what a feed says; of what comes late, only that the feed knows the status."""
        if track.status is not TrackStatus.GREEN or track.status_since_s is not None:
            self._tell_status.add(source)
        known = self._said.get(source)
        if known is None or time_s >= known[1]:
            self._said[source] = (track, time_s)

    def chosen(self, sources: Sequence[str], rank_s: float) -> TrackConditions:
        """Return the conditions as they follow from all feeds.

        Parameters
        ----------
        sources
            The feeds, the most preferred first.
        rank_s
            Handicap for each feed that is preferred to it, s.
        """
        heard = [(self._said[s][1] - rank_s * n, s) for n, s in enumerate(sources) if s in self._said]
        heard.sort(key=lambda h: -h[0])
        of_status = max(heard, key=lambda h: h[0] - (0.0 if h[1] in self._tell_status else STATUS_HANDICAP_S))[1]
        status, best = self._said[of_status][0], self._said[heard[0][1]][0]
        if status is best and all(getattr(best, name) is not None for name in READINGS):
            return best
        tracks = [self._said[s][0] for _, s in heard]
        readings = {n: next((v for t in tracks if (v := getattr(t, n)) is not None), None) for n in READINGS}
        chosen = status.model_copy(update=readings)
        return best if chosen == best else chosen

    def dump(self) -> dict[str, Any]:
        """Return the state as JSON-able values."""
        return {
            "said": {s: [k.model_dump(mode="json"), t] for s, (k, t) in self._said.items()},
            "tell_status": sorted(self._tell_status),
        }

    @classmethod
    def load(cls, values: dict[str, Any]) -> TrackFusion:
        """Return what :meth:`dump` gave."""
        made = cls()
        made._said = {s: (TrackConditions.model_validate(k), t) for s, (k, t) in values["said"].items()}
        made._tell_status = set(values["tell_status"])
        return made
