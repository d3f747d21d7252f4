"""The log beside a recording that is being written: every frame is in it as soon as it is taken, so that a kill loses none.

Parquet cannot be read before its footer is written, which a killed process never does. Until then the frames also stand one by
one in ``NAME.unfinished``: a head of twelve bytes each (little endian: packed size, plain size, CRC-32 of the packed bytes), then
the frame's JSON, packed with zstd. A last frame that was cut off is left out. A thread has the system write out what it holds, so
that a power cut costs the last second at most, and no frame waits for the disk.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from racetwin.errors import DataError
from racetwin.schemas import TelemetryFrame

MAGIC = b"racetwin unfinished recording 1\n"
_HEAD = struct.Struct("<III")
_CODEC = pa.Codec("zstd", compression_level=1)
SYNC_S = 1.0
"""How long a frame may be with the system before it is told to write it to the disk, s."""
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
        self._frames = self._synced = 0
        self._failed: OSError | None = None
        self._written, self._ended = threading.Event(), threading.Event()
        if not _locked(self._file.fileno()):
            self._file.close()
            raise DataError(f"{path} is being written by another process; record to another file")
        if self._file.seek(0, os.SEEK_END) < len(MAGIC):
            self._file.truncate(0)
            self._file.seek(0)
            self._file.write(MAGIC)
        self._syncing = threading.Thread(target=self._keep_synced, name="racetwin: recording", daemon=True)
        self._syncing.start()

    def left(self) -> Iterator[TelemetryFrame]:
        """Yield the frames that are in it, then cut off what is no whole frame."""
        end = len(MAGIC)
        for frame, end in _entries(self.path):  # noqa: B007 - where the last one ends is wanted
            yield frame
        self._file.truncate(end)
        self._file.seek(end)

    def write(self, frame: TelemetryFrame) -> None:
        """Append a frame; it is safe from a kill when this returns, and from a power cut within :data:`SYNC_S`."""
        if self._failed is not None:
            why = self._failed.strerror or self._failed
            raise DataError(
                f"cannot write {self.path}: {why}; what came before is kept there as far as the disk took it"
            )
        plain = frame.model_dump_json(exclude_none=True).encode()
        packed = _CODEC.compress(plain, asbytes=True)
        entry = _HEAD.pack(len(packed), len(plain), zlib.crc32(packed)) + packed
        try:
            written = self._file.write(entry)
        except OSError as e:
            raise DataError(f"cannot write {self.path}: {e.strerror or e}; what came before is kept there") from e
        if written != len(entry):
            raise DataError(f"cannot write {self.path}: the disk is full; what came before is kept there")
        self._frames += 1
        self._written.set()

    @property
    def unsynced(self) -> int:
        """Frames written that the disk may not have yet."""
        return self._frames - self._synced

    def _keep_synced(self) -> None:
        while True:
            self._written.wait()
            self._written.clear()
            # A disk takes milliseconds for it, whatever the amount: so many frames share one.
            ended = self._ended.wait(SYNC_S / 2)
            frames = self._frames
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                self._failed = error
                return
            self._synced = frames
            if ended:
                return

    def close(self, *, remove: bool) -> None:
        """Close the log, and remove it where the recording is whole without it."""
        if not self._file.closed:
            self._ended.set()
            self._written.set()
            self._syncing.join()
            if remove:
                self.path.unlink(missing_ok=True)
            self._file.close()


def put_in_place(part: Path, path: Path) -> None:
    """Give a finished file its name once the disk has it: after a power cut there is the old one or the whole new one."""
    with part.open("r+b") as file:
        os.fsync(file.fileno())
    part.replace(path)
    if os.name == "posix":  # elsewhere a folder cannot be opened
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


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
