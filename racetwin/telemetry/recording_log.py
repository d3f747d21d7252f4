"""The log beside a recording that is being written: every frame is in it as soon as it is taken, so that a kill loses none.

Parquet cannot be read before its footer is written, which a killed process never does. Until then the frames also stand one by
one in ``NAME.unfinished``: a head of twelve bytes each (little endian: packed size, plain size, CRC-32 of the packed bytes), then
the frame's JSON, packed with zstd. A last frame that was cut off is left out.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from racetwin.errors import DataError
from racetwin.schemas import TelemetryFrame

MAGIC = b"racetwin unfinished recording 1\n"
_HEAD = struct.Struct("<III")
_CODEC = pa.Codec("zstd", compression_level=1)
_MOST = 64 * 1024 * 1024
"""Largest plain size that is believed, bytes."""


def beside(path: Path) -> Path:
    """Return where the log of a recording stands.

    Examples
    --------
    >>> beside(Path("race.parquet")).name
    'race.parquet.unfinished'
    """
    return path.with_name(path.name + ".unfinished")


class FrameLog:
    """Appends frames to the log; one process at a time.

    Parameters
    ----------
    path
        The log itself (:func:`beside`); what a killed recorder has left in it stays, and :meth:`left` yields it.

    Raises
    ------
    DataError
        If it cannot be written, or another process is writing it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # Unbuffered: what is written is the operating system's, whatever becomes of this process.
        self._file = path.open("r+b" if path.exists() else "x+b", buffering=0)
        if not _locked(self._file.fileno()):
            self._file.close()
            raise DataError(f"{path} is being written by another process; record to another file")
        if self._file.seek(0, os.SEEK_END) < len(MAGIC):
            self._file.truncate(0)
            self._file.seek(0)
            self._file.write(MAGIC)

    def left(self) -> Iterator[TelemetryFrame]:
        """Yield the frames that are in it, then cut off what is no whole frame."""
        end = len(MAGIC)
        for frame, end in _entries(self.path):  # noqa: B007
            yield frame
        self._file.truncate(end)
        self._file.seek(end)

    def write(self, frame: TelemetryFrame) -> None:
        """Append a frame; it is safe from a kill when this returns, and from a power cut when the system has written it out."""
        plain = frame.model_dump_json(exclude_none=True).encode()
        packed = _CODEC.compress(plain, asbytes=True)
        entry = _HEAD.pack(len(packed), len(plain), zlib.crc32(packed)) + packed
        try:
            written = self._file.write(entry)
        except OSError as e:
            raise DataError(f"cannot write {self.path}: {e.strerror or e}; what came before is kept there") from e
        if written != len(entry):
            raise DataError(f"cannot write {self.path}: the disk is full; what came before is kept there")

    def sync(self) -> None:
        """Have the system write out what it holds: a power cut costs no more than what comes after."""
        os.fsync(self._file.fileno())

    def close(self, *, remove: bool) -> None:
        """Close the log, and remove it where the recording is whole without it."""
        if not self._file.closed:
            if remove:
                self.path.unlink(missing_ok=True)
            self._file.close()


def logged_frames(path: Path) -> Iterator[TelemetryFrame]:
    """Yield the whole frames of a log, also of one that is being written."""
    return (frame for frame, _ in _entries(path))


def is_log(path: Path) -> bool:
    """Tell whether a file is such a log."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _entries(path: Path) -> Iterator[tuple[TelemetryFrame, int]]:
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise DataError(f"{path} is no unfinished recording of this version")
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            size, plain, crc = _HEAD.unpack(head)
            if max(size, plain) > _MOST:
                return
            packed = file.read(size)
            if len(packed) < size or zlib.crc32(packed) != crc:
                return
            yield (
                TelemetryFrame.model_validate_json(_CODEC.decompress(packed, plain, asbytes=True)),
                file.tell(),
            )


def _locked(descriptor: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows opens no second writer's handle on a file that it would have to replace
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
