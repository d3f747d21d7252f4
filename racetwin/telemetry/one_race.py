"""Frames of several feeds under one race's name, and frames of another race kept out.

Every feed names a race in its own way (``2026-11-great-britain``, ``2026-great-britain``, ``telemetry``), and the ingestor begins
anew with each new name. Here the first to speak names the race. Others join it where they use the same name or none or, where
feeds are merged, where nothing they say contradicts it: the same kind of session, and the same circuit and season where both tell
them. When the preferred one moves on to another session, a new race begins. Whoever else speaks of another race is refused, until
it has gone on for a while and nobody speaks of this one any more: a stray test frame must not end a race.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from racetwin.schemas import Rejection
from racetwin.telemetry.frame_builder import RawFrame, value_of
from racetwin.telemetry.inbound import SESSION_WORDS

PATIENCE = 100
"""Frames of another race in a row, and none of this one, after which the other is believed."""
LEFT = 8
"""Races left behind whose names do not begin a race again at once."""

Speaker = tuple[int, str]
"""Who speaks: the feed's place in the order of preference, from 0, and the frames' ``source``."""


class Session(NamedTuple):
    """What is known of a session; None where it is not."""

    race_id: str | None
    kind: Any = None
    circuit: Any = None
    season: Any = None

    def may_be(self, other: Session) -> bool:
        """Whether nothing contradicts that both are the same."""
        pairs = ((self.kind, other.kind), (self.circuit, other.circuit), (self.season, other.season))
        return all(a is None or b is None or a == b for a, b in pairs)

    def and_what(self, other: Session) -> Session:
        """Return this one with what only the other knows filled in."""
        return Session(*(b if a is None else a for a, b in zip(self, other, strict=True)))


def session_of(frame: RawFrame) -> Session:
    """Return what a frame says of its session, whatever its schema."""
    race, kind = value_of(frame, "race_id"), value_of(frame, "session_type")
    if isinstance(kind, str):
        kind = SESSION_WORDS.get(kind.strip().lower(), kind.strip().lower())
    return Session(
        race if isinstance(race, str) and race else None, kind, value_of(frame, "circuit_id"), value_of(frame, "season")
    )


SPEAKERS = 64
"""Names that feeds may give themselves, all together."""


class OneRace:
    """Renames frames, or says why they do not belong to the race.

    Parameters
    ----------
    merge
        Whether feeds that name the race differently may be of the same race.
    goes_on
        The race that an engine was in before it was restarted.
    race_id
        The race's name, where the user gives it; default: the first that is told.

    Examples
    --------
    >>> one = OneRace(merge=True)
    >>> a = one.name({"race_id": "2026-11-great-britain", "circuit_id": "silverstone", "source": "f1"}, rank=0)
    >>> b = one.name({"race_id": "2026-great-britain", "circuit_id": "silverstone", "source": "openf1"}, rank=1)
    >>> a["race_id"], b["race_id"]
    ('2026-11-great-britain', '2026-11-great-britain')
    """

    def __init__(self, *, merge: bool = False, goes_on: Session | None = None, race_id: str | None = None) -> None:
        self._merge, self._given = merge, race_id
        self._race = goes_on
        self._own: dict[Speaker, str | None] = {}
        self._left: list[str | None] = []
        self._doubts: dict[Speaker, int] = {}

    def name(self, frame: RawFrame, rank: int) -> RawFrame | Rejection:
        """Return the frame under the race's name, or why it does not belong to the race.

        Parameters
        ----------
        rank
            Place of its feed in the order of preference, from 0.
        """
        speaker, session = (rank, str(value_of(frame, "source"))), session_of(frame)
        if self._race is None:
            return self._begin(frame, speaker, session)
        known = self._own.get(speaker, "") == session.race_id
        if known or self._joins(speaker, session):
            self._own[speaker] = session.race_id
            self._race = self._race.and_what(session)
            self._doubts.clear()
            return self._renamed(frame)
        moves_on = speaker in self._own and speaker == self._leader() and session.race_id not in self._left
        if len(self._doubts) >= SPEAKERS:  # a sender that gives itself ever new names must not fill the memory
            self._doubts.clear()
        doubts = self._doubts[speaker] = self._doubts.get(speaker, 0) + 1
        if moves_on or not self._own or doubts > PATIENCE:
            return self._begin(frame, speaker, session)
        return Rejection(
            kind="race_id.other_race",
            field="race_id",
            value=str(session.race_id)[:80],
            expected=f"{self._race.race_id}, the race that is on"[:200],
            source=speaker[1][:80],
        )

    def _joins(self, speaker: Speaker, session: Session) -> bool:
        """Whether somebody not heard in this race before speaks of it."""
        assert self._race is not None
        if speaker in self._own or len(self._own) >= SPEAKERS:
            return False
        if session.race_id in (None, self._race.race_id):
            return True
        alone = all(rank != speaker[0] for rank, _ in self._own)  # through one door, another name is another race
        return self._merge and alone and session.may_be(self._race)

    def _leader(self) -> Speaker:
        """The most preferred of those who speak of the race; through one door, the first."""
        return min(self._own, key=lambda speaker: speaker[0])

    def _begin(self, frame: RawFrame, speaker: Speaker, session: Session) -> RawFrame:
        if self._race is not None:
            self._left = [*self._left, self._own.get(speaker, self._race.race_id)][-LEFT:]
        if session.race_id in self._left:
            self._left.remove(session.race_id)
        self._race, self._own = session, {speaker: session.race_id}
        self._doubts.clear()
        return self._renamed(frame)

    def _renamed(self, frame: RawFrame) -> RawFrame:
        assert self._race is not None
        wanted = self._given or self._race.race_id
        if wanted is None or value_of(frame, "race_id") == wanted:
            return frame
        return {**frame, "race_id": wanted} if isinstance(frame, dict) else frame.model_copy(update={"race_id": wanted})
