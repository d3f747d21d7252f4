"""Files that people keep recordings in: plain or packed, one or many in one, read as lines.

Packing (gzip, bzip2, xz, zip, tar) is told by the content and not by the name. A file that is cut off or damaged gives what can
be read of it.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import re
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from racetwin.errors import DataError

MAX_LINE = 4 * 1024 * 1024
"""Longest line read, in bytes; the longest real one (a Subscribe reply) has 100 kB."""
MAX_WHOLE = 256 * 1024 * 1024
"""Most bytes of a file that is one JSON array and must be read whole."""
MAX_BAD = 1000
"""Places in a damaged JSON array at which the reading is taken up again."""

# Of a ZIP, NotImplementedError is a version or a compression that Python does not know, RuntimeError one that is encrypted.
_DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError, RuntimeError)
_ARRAY = re.compile(rb"^(?:\xef\xbb\xbf)?\s*\[\s*[\[{]")
_TEXTS = (".jsonstream", ".jsonl", ".json", ".txt", ".raw", ".log", ".ndjson")
_PACKED = (".gz", ".bz2", ".xz", ".lzma", ".zip")


class Part(NamedTuple):
    """One text of a recording: its name, and a function that yields its lines, counting what is damaged."""

    name: str
    lines: Callable[[Counter[str]], Iterator[bytes]]


def parts_of(path: Path) -> list[Part]:
    """Return the texts of a file, a folder or an archive, in the order of their names.

    Of a folder or an archive these are the ``.jsonStream`` files where there are any, else everything that looks like text.

    Raises
    ------
    DataError
        If there is none, or the packing is not known.
    """
    if path.is_dir():
        files = _chosen({p.name: p for p in path.iterdir() if p.is_file()})
        if not files:
            raise DataError(f"folder {path} holds no recorded topics: give a folder of .jsonStream files")
        return [part for p in files for part in parts_of(p)]
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                chosen = _chosen({i.filename: i for i in archive.infolist() if not i.is_dir()})
            return [Part(i.filename, _reader(path, partial(_from_zip, i.filename))) for i in chosen]
        if tarfile.is_tarfile(path):
            with tarfile.open(path) as tar:
                members = _chosen({m.name: m for m in tar.getmembers() if m.isfile()})
            return [Part(m.name, _reader(path, partial(_from_tar, m.name))) for m in members]
    except _DAMAGED as error:
        raise DataError(f"recording {path} cannot be read: {error}") from error
    return [Part(path.name, _reader(path, _plain))]


def _plain(path: Path) -> Any:
    return path.open("rb")


def _from_zip(name: str, path: Path) -> Any:
    return zipfile.ZipFile(path).open(name)


def _from_tar(name: str, path: Path) -> Any:
    return tarfile.open(path).extractfile(name)


def stem_of(name: str) -> str:
    """Return the name of a text without its folder and its endings.

    Examples
    --------
    >>> stem_of("2025/CarData.z.jsonStream.gz")
    'CarData.z'
    """
    stem = name.replace("\\", "/").rpartition("/")[2]
    for endings in (_PACKED, _TEXTS):
        for ending in endings:
            if stem.lower().endswith(ending):
                stem = stem[: -len(ending)]
    return stem


def _chosen(named: dict[str, Any]) -> list[Any]:
    streams = [n for n in named if ".jsonstream" in n.lower()]
    texts = [n for n in named if any(e in n.lower() for e in _TEXTS) and not n.rpartition("/")[2].startswith(".")]
    # The state that a client joined with comes before what followed.
    return [named[n] for n in sorted(streams or texts, key=lambda n: ("subscribe" not in n.lower(), n))]


def _reader(path: Path, open_: Callable[[Path], Any]) -> Callable[[Counter[str]], Iterator[bytes]]:
    def lines(count: Counter[str]) -> Iterator[bytes]:
        began = False
        try:
            with _unpacked(open_(path)) as file:
                for line in _lines_of(file, count):
                    began = True
                    yield line
        except _DAMAGED as error:
            if not began:
                raise DataError(f"recording {path} cannot be read: {error}") from error
            count["file cut off or damaged"] += 1

    return lines


def _unpacked(file: Any, depth: int = 0) -> Any:
    """Return the file without its packing, told by its first bytes."""
    if not hasattr(file, "peek"):
        file = io.BufferedReader(file)
    magic = bytes(file.peek(6)[:6])
    if depth < 3:
        if magic.startswith(b"\x1f\x8b"):
            return _unpacked(gzip.GzipFile(fileobj=file, mode="rb"), depth + 1)
        if magic.startswith(b"BZh"):
            return _unpacked(bz2.BZ2File(file), depth + 1)
        if magic.startswith((b"\xfd7zXZ\x00", b"\x5d\x00\x00")):
            return _unpacked(lzma.LZMAFile(file), depth + 1)
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        raise OSError("it is packed with zstandard; unpack it first (zstd -d)")
    if magic.startswith(b"PK\x03\x04"):
        raise OSError("it is a zip archive that is cut off")
    return file


def _lines_of(file: Any, count: Counter[str]) -> Iterator[bytes]:
    head = bytes(file.peek(64)[:64])
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        for text in io.TextIOWrapper(file, encoding="utf-16", errors="replace"):
            yield text.encode()
        return
    if _ARRAY.match(head):
        yield from _items(file.read(MAX_WHOLE), count)
        return
    while line := file.readline(MAX_LINE):
        yield line


def _items(data: bytes, count: Counter[str]) -> Iterator[bytes]:
    """Yield the items of a JSON array (or of several, one after the other), each as a line; damaged ones are left out."""
    try:
        whole = orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except ValueError:
        whole = None
    if isinstance(whole, list):
        yield from (orjson.dumps(item) for item in whole)
        return
    text = data.decode("utf-8", "replace")
    decoder = json.JSONDecoder()
    at, bad, good = text.index("[") + 1, 0, []
    between, again = re.compile(r"[\s,]*(?:\][\s,]*(?:\[(?=\s*[\[{]))?)?[\s,]*"), re.compile(r"[,\n]\s*(?=[\[{])")
    while (at := between.match(text, at).end()) < len(text):  # type: ignore[union-attr]  # it matches nothing at all, too
        try:
            item, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            bad += 1
            following = again.search(text, at + 1)
            if following is None or bad > MAX_BAD:
                break
            at = following.end()
            continue
        good.append(json.dumps(item).encode())
    if bad > len(good):  # it only looked like an array: a damaged first line
        yield from data.splitlines()
        return
    count["not JSON"] += bad
    yield from good
