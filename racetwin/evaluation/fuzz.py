"""A fuzzer over every parser of telemetry: no input may crash one, hang it, or make it grow.

Each target is a parser with the ingestor behind it, fed with broken variants of good inputs: bits flipped, bytes lost, doubled
and spliced, JSON trees with values swapped for hostile ones. Run it for as long as wanted::

    python -m racetwin.evaluation.fuzz --seconds 600

A failure prints the input that caused it; the same seed finds it again.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from racetwin.config import settings
from racetwin.errors import RacetwinError
from racetwin.evaluation import fuzz_inputs
from racetwin.telemetry.ea_session import GameSession
from racetwin.telemetry.f1_messages import parse_lines
from racetwin.telemetry.f1_recordings import Recording
from racetwin.telemetry.f1_topics import F1Session
from racetwin.telemetry.ingestor import TelemetryIngestor
from racetwin.telemetry.openf1 import parse_message
from racetwin.telemetry.openf1_records import OpenF1Session
from racetwin.telemetry.udp_json import parse_datagram

SLOWEST_S = 2.0
"""An input that takes longer hangs the parser (processor time)."""
GROWTH_BYTES = 24 * 2**20
"""Memory that one target may hold more at its end than after a fifth of its time: its tables are bounded, and full by then."""


@dataclass(slots=True)
class Found:
    """What a run found, target by target: inputs tried, frames made, and failures with the input in hexadecimal."""

    inputs: dict[str, int] = field(default_factory=dict)
    frames: dict[str, int] = field(default_factory=dict)
    slowest_s: dict[str, float] = field(default_factory=dict)
    grown_bytes: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


class Target:
    """One parser with the ingestor behind it, and good inputs to break."""

    def __init__(self, name: str, make: Callable[[], Callable[[bytes], Iterable[Any]]], corpus: list[bytes]) -> None:
        self.name, self.make, self.corpus = name, make, corpus

    def fuzz(self, seconds: float, draw: random.Random, found: Found) -> None:
        """Feed broken inputs for so long; add what happened to ``found``."""
        parse, ingestor = self.make(), TelemetryIngestor()
        n = frames = 0
        slowest, settled = 0.0, None
        begin = time.monotonic()
        tracemalloc.start()
        try:
            while (gone := time.monotonic() - begin) < seconds:
                data = fuzz_inputs.mutated(draw, self.corpus) if draw.random() < 0.97 else draw.choice(self.corpus)
                started = time.thread_time()
                try:
                    for raw in parse(data):
                        frames += 1
                        ingestor.process(raw)
                except RacetwinError:
                    pass  # refused with a message: that is what it is for
                except Exception as e:
                    found.failures.append(f"{self.name}: {type(e).__name__}: {e} on {data[:4000].hex()}")
                    parse, ingestor = self.make(), TelemetryIngestor()
                took = time.thread_time() - started
                slowest = max(slowest, took)
                if took > SLOWEST_S:
                    found.failures.append(f"{self.name}: took {took:.1f} s on {data[:4000].hex()}")
                n += 1
                if settled is None and gone > seconds / 5:
                    gc.collect()
                    settled = tracemalloc.get_traced_memory()[0]
            gc.collect()
            grown = tracemalloc.get_traced_memory()[0] - (settled or 0)
        finally:
            tracemalloc.stop()
        if grown > GROWTH_BYTES:
            found.failures.append(f"{self.name}: grew by {grown / 2**20:.1f} MiB")
        found.inputs[self.name], found.frames[self.name] = n, frames
        found.slowest_s[self.name], found.grown_bytes[self.name] = slowest, grown


def fuzz(seconds: float = 600.0, seed: int = 1, only: str | None = None) -> Found:
    """Fuzz every parser, each for its share of the time.

    Parameters
    ----------
    seconds
        For all targets together.
    seed
        Same seed, same inputs in the same order (how far it gets depends on the machine).
    only
        Name of a single target.
    """
    found = Found()
    chosen = [t for t in targets() if only is None or t.name == only]
    for k, target in enumerate(chosen):
        target.fuzz(seconds / len(chosen), random.Random(1000 * seed + k), found)
    return found


def targets() -> list[Target]:
    """Return every parser with good inputs: made here, and lines of the recordings in the data folder where there is one."""
    folder = settings().data
    return [
        Target("frames", lambda: lambda data: [data], fuzz_inputs.frames()),
        Target("udp json", lambda: lambda data: [parse_datagram(data)], fuzz_inputs.frames()),
        Target("f1 live timing", _f1, fuzz_inputs.f1_lines() + fuzz_inputs.recorded(folder, "streams")),
        Target("recording files", _files, fuzz_inputs.packed_files(fuzz_inputs.f1_lines())),
        Target("openf1", _openf1, fuzz_inputs.openf1_messages()),
        Target("ea udp", lambda: GameSession().feed, fuzz_inputs.datagrams()),
    ]


def _f1() -> Callable[[bytes], Iterable[Any]]:
    session = F1Session()

    def parse(data: bytes) -> Iterable[Any]:
        for message in parse_lines([data]):
            yield from session.feed(message)

    return parse


def _files() -> Callable[[bytes], Iterable[Any]]:
    folder = tempfile.TemporaryDirectory(prefix="racetwin-fuzz-")
    path = Path(folder.name) / "recording"

    def parse(data: bytes, _keep: object = folder) -> Iterable[Any]:
        path.write_bytes(data)
        return Recording(path).frames(10.0)

    return parse


def _openf1() -> Callable[[bytes], Iterable[Any]]:
    session = OpenF1Session()

    def parse(data: bytes) -> Iterable[Any]:
        topic, _, payload = data.partition(b" ")
        record = parse_message(topic.decode("utf-8", "replace"), payload)
        if record is not None:
            yield from session.feed(record)

    return parse


def main() -> int:
    """Run from the command line; 1 if anything was found."""
    parser = argparse.ArgumentParser(description="Fuzz every telemetry parser.")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only")
    asked = parser.parse_args()
    found = fuzz(asked.seconds, asked.seed, asked.only)
    for name, n in found.inputs.items():
        grown, slow = found.grown_bytes[name] / 2**20, found.slowest_s[name]
        sys.stdout.write(
            f"{name:16s} {n:9d} inputs {found.frames[name]:9d} frames  slowest {slow:.3f} s  grown {grown:+.1f} MiB\n"
        )
    for failure in found.failures[:20]:
        sys.stdout.write(failure[:2000] + "\n")
    sys.stdout.write(f"{len(found.failures)} failures\n")
    return 1 if found.failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
