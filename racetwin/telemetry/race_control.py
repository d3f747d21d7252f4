"""What race control says, over several feeds: every message handed on once, also one that comes when its time has passed."""

from __future__ import annotations

from typing import Any

from racetwin.schemas import RaceControlMessage, TelemetryFrame

MESSAGES_KEPT = 4096
"""Messages remembered to tell one that a second feed repeats from one said twice."""
OVERDUE_KEPT = 1024
"""Late messages that may wait for a frame to be handed on with."""


class RaceControlWords:
    """The messages told so far, by feed, and those that came late and wait to be handed on.

    The same words may well be said twice: a feed's second time is an echo only of another feed's second time. So of any
    interleaving each message is handed on as often as the feed said it that said it most often.
    """

    def __init__(self) -> None:
        self._told: dict[str, dict[str, int]] = {}
        self._overdue: list[RaceControlMessage] = []

    @property
    def waiting(self) -> int:
        """Late messages that no frame has handed on yet."""
        return len(self._overdue)

    def late(self, frame: TelemetryFrame) -> None:
        """Take the messages of a frame that itself is not passed on: the next that is brings them."""
        for m in self._news(frame):
            self._overdue.append(m if m.told_s is not None else m.model_copy(update={"told_s": frame.time_s}))
        del self._overdue[:-OVERDUE_KEPT]

    def with_news(self, frame: TelemetryFrame) -> TelemetryFrame:
        """Return the frame with what is new: its own messages without echoes, after those that came late."""
        return self.with_overdue(self._fresh(frame)) if self._overdue else self._fresh(frame)

    def with_overdue(self, frame: TelemetryFrame) -> TelemetryFrame:
        """Return the frame with the late messages before its own."""
        said = (*self._overdue, *frame.messages)
        self._overdue.clear()
        return frame.model_copy(update={"messages": said})

    def _fresh(self, frame: TelemetryFrame) -> TelemetryFrame:
        if not frame.messages:
            return frame
        kept = self._news(frame)
        return frame if len(kept) == len(frame.messages) else frame.model_copy(update={"messages": tuple(kept)})

    def _news(self, frame: TelemetryFrame) -> list[RaceControlMessage]:
        """Return the messages that no other feed has brought already."""
        kept = []
        for m in frame.messages:
            said = self._told.get(m.message)
            if said is None:
                if len(self._told) >= MESSAGES_KEPT:
                    del self._told[next(iter(self._told))]
                said = self._told[m.message] = {}
            n = said[frame.source] = said.get(frame.source, 0) + 1
            if all(n > said[other] for other in said if other != frame.source):
                kept.append(m)
        return kept

    def dump(self) -> dict[str, Any]:
        """Return the state as JSON-able values."""
        return {
            "told": [[m, dict(by)] for m, by in self._told.items()],
            "overdue": [m.model_dump(mode="json", exclude_none=True) for m in self._overdue],
        }

    @classmethod
    def load(cls, values: dict[str, Any]) -> RaceControlWords:
        """Return what :meth:`dump` gave."""
        made = cls()
        made._told = {m: dict(by) for m, by in values["told"]}
        made._overdue = [RaceControlMessage.model_validate(m) for m in values.get("overdue", ())]
        return made
