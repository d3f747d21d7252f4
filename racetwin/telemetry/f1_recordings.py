"""Recordings of Formula 1 live timing, as people keep them: any of them in, topic messages or frames out.

Which kinds of messages are read, told apart by what is in the file, says :mod:`racetwin.telemetry.f1_messages`; which kinds of
files, :mod:`racetwin.telemetry.recording_files`. What cannot be read is counted and left out; it never ends the reading.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from os import PathLike
from pathlib import Path

from racetwin.errors import DataError
from racetwin.telemetry.f1_messages import parse_lines
from racetwin.telemetry.f1_topics import TOPICS, F1Session, TopicMessage, session_frames
from racetwin.telemetry.frame_builder import RawFrame
from racetwin.telemetry.recording_files import Part, parts_of, stem_of


class Recording:
    """One recorded session, spread over one or more files read one after the other.

    Parameters
    ----------
    *paths
        Files, archives, or folders of ``.jsonStream`` files (those of one folder or archive are merged by time).

    Attributes
    ----------
    read
        Messages read by the last pass, per topic.
    skipped
        Lines and payloads left out by the last pass, counted by reason.

    Examples
    --------
    >>> recording = Recording("2025_qatar_sprint.jsonstream.txt.gz")  # doctest: +SKIP
    >>> for frame in recording.frames(hz=10):                         # doctest: +SKIP
    ...     ingestor.process(frame)
    """

    def __init__(self, *paths: str | PathLike[str]) -> None:
        if not paths:
            raise DataError("no recording named: give at least one file")
        self.paths = tuple(Path(p) for p in paths)
        for path in self.paths:
            if not path.exists():
                raise DataError(
                    f"recording {path} does not exist: give the path of a file or folder of recorded topics"
                )
        self.read: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()

    def messages(self) -> Iterator[TopicMessage]:
        """Yield the topic messages in the order they were received."""
        self.read.clear()
        self.skipped.clear()
        for path in self.paths:
            parts = parts_of(path)
            if len(parts) == 1 or not all(".jsonstream" in part.name.lower() for part in parts):
                for part in parts:
                    yield from self._part(part)
            else:
                merged = [m for part in parts for m in self._part(part)]
                yield from sorted(merged, key=lambda m: m.time)

    def frames(
        self,
        hz: float | None = None,
        race_id: str | None = None,
        *,
        started_at: float | None = None,
        session_type: str | None = None,
    ) -> Iterator[RawFrame]:
        """Yield frames: one for every change, or at most ``hz`` a second; the rest is told to ``F1Session``."""
        session = F1Session(race_id, hz=hz, started_at=started_at, session_type=session_type)
        return session_frames(self.messages(), session)

    def _part(self, part: Part) -> Iterator[TopicMessage]:
        stem = stem_of(part.name)
        topic = stem if stem in TOPICS else None
        for message in parse_lines(part.lines(self.skipped), topic=topic, skipped=self.skipped):
            self.read[message.topic] += 1
            yield message


def read_recording(
    *paths: str | PathLike[str], hz: float | None = None, race_id: str | None = None
) -> Iterator[RawFrame]:
    """Yield the frames of a recording; see :class:`Recording`."""
    return Recording(*paths).frames(hz, race_id)
