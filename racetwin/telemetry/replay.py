"""Frames at the pace of the race, or any other: pause, resume, step and seek."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from racetwin.errors import InputError
from racetwin.schemas import TelemetryFrame

if TYPE_CHECKING:
    from racetwin.telemetry.records import RaceRecord

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[object]]

NAP_S = 0.05
"""Longest sleep at a stretch, so that a change of speed or a pause takes effect at once, s."""
MAX_SPEED = 10_000.0


class Replay:
    """Frames paced by their own race time.

    No frame is ever dropped: a consumer slower than the pace falls behind (:attr:`behind_s`) and catches up.

    Parameters
    ----------
    frames
        Frames in time order.
    speed
        Multiple of real time; None for as fast as the consumer takes them.
    reopen
        Returns the frames from the start again; needed to seek backwards.
    clock, sleep
        What time it is, in seconds, and how to wait; tests bring their own.

    Examples
    --------
    >>> async def watch(record):
    ...     async for frame in Replay.of(record, speed=60):
    ...         print(frame.lap)
    """

    def __init__(
        self,
        frames: Iterable[TelemetryFrame],
        speed: float | None = 1.0,
        *,
        reopen: Callable[[], Iterable[TelemetryFrame]] | None = None,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._frames: Iterator[TelemetryFrame] = iter(frames)
        self._reopen = reopen
        self._clock, self._sleep = clock, sleep
        self._speed = _checked(speed)
        self._paused = False
        self._steps = 0
        self._until_lap: int | None = None
        self._anchor: tuple[float, float] | None = None
        self.lap = 0
        self.time_s: float | None = None
        self.generation = 0
        self.behind_s = 0.0

    @classmethod
    def of(
        cls,
        record: RaceRecord,
        speed: float | None = 1.0,
        *,
        hz: float | None = 10.0,
        from_lap: int = 1,
        to_lap: int | None = None,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> Replay:
        """Return the replay of a stored race, which can also be sought backwards."""
        from racetwin.telemetry.laptable import frames as frames_of  # here: tables take seconds to import

        def open_() -> Iterator[TelemetryFrame]:
            return frames_of(record, hz=hz, from_lap=from_lap, to_lap=to_lap)

        return cls(open_(), speed, reopen=open_, clock=clock, sleep=sleep)

    # --- controls -----------------------------------------------------------------------------------------------------

    @property
    def speed(self) -> float | None:
        """Multiple of real time."""
        return self._speed

    @property
    def paused(self) -> bool:
        """Whether it stands still."""
        return self._paused

    @property
    def catching_up(self) -> bool:
        """Whether frames come at once, up to a lap that was sought."""
        return self._until_lap is not None

    @property
    def can_rewind(self) -> bool:
        """Whether it can be sought backwards."""
        return self._reopen is not None

    def set_speed(self, speed: float | None) -> None:
        """Go on at another pace from here."""
        self._speed = _checked(speed)
        self._anchor = None

    def pause(self) -> None:
        """Stand still after the frame at hand."""
        self._paused = True

    def resume(self) -> None:
        """Go on from where it stands."""
        self._paused = False
        self._anchor = None

    def step(self, n: int = 1) -> None:
        """Let ``n`` more frames through while it is paused."""
        if n < 1:
            raise InputError(f"n: {n}, expected at least 1 frame")
        self._steps += n

    def seek(self, lap: int) -> None:
        """Go to the moment at which the leader begins lap ``lap``.

        Forwards, the frames in between come at once, so that whoever follows has seen them all. Backwards, the race begins anew
        (:attr:`generation` counts that, a follower must begin anew too) and comes at once up to the lap.
        """
        if lap < 1:
            raise InputError(f"lap: {lap}, expected 1 or later")
        if lap <= self.lap:
            if self._reopen is None:
                raise InputError(f"lap: {lap} has passed (now {self.lap}); these frames cannot be had again")
            self._frames = iter(self._reopen())
            self.generation += 1
            self.lap = 0
        self._until_lap = lap
        self._anchor = None

    # --- frames -------------------------------------------------------------------------------------------------------

    async def __aiter__(self) -> AsyncIterator[TelemetryFrame]:
        while True:
            await self._while_paused()
            generation = self.generation
            frame = next(self._frames, None)
            if frame is None:
                if self._paused and self._reopen is not None and not self._steps:
                    await self._while_paused()  # held at its end: it may still be sought backwards
                    if generation != self.generation:
                        continue
                return
            if self._until_lap is not None and frame.lap >= self._until_lap and frame.time_s >= 0:
                self._until_lap = None
                self._anchor = None
            if not await self._due(frame, generation):
                continue  # sought backwards meanwhile: this frame is of the old run
            self.lap, self.time_s = frame.lap, frame.time_s
            yield frame

    async def _while_paused(self) -> None:
        while self._paused and self._steps == 0 and self._until_lap is None:
            await self._sleep(NAP_S)
        if self._steps:
            self._steps -= 1

    async def _due(self, frame: TelemetryFrame, generation: int) -> bool:
        """Wait until a frame is due; false if the race began anew while waiting."""
        while self._speed is not None and self._until_lap is None:
            now = self._clock()
            if self._anchor is None:
                self._anchor = (now, frame.time_s)
            began, race_s = self._anchor
            wait = began + (frame.time_s - race_s) / self._speed - now
            self.behind_s = max(-wait, 0.0)
            if wait <= 0:
                break
            await self._sleep(min(wait, NAP_S))
            if generation != self.generation:
                return False
            if self._paused and self._steps == 0:
                await self._while_paused()
        return generation == self.generation


def _checked(speed: float | None) -> float | None:
    if speed is not None and not 0 < speed <= MAX_SPEED:
        raise InputError(f"speed: {speed}, expected more than 0 and at most {MAX_SPEED:g}")
    return speed
