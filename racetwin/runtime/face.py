"""What the API and other viewers may know of a running engine."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from racetwin.runtime.desk_queue import Advised
    from racetwin.runtime.engine import RaceEngine
    from racetwin.runtime.monitor import SystemMonitor
    from racetwin.runtime.snapshot import RaceSnapshot
    from racetwin.runtime.wire import Publisher
    from racetwin.schemas import FollowUp, Recommendation
    from racetwin.strategist.life import Action

T = TypeVar("T")


class EngineFace(Protocol):
    """The public face of :class:`racetwin.runtime.orchestrator.MainOrchestrator`; all of it is for the engine's event loop."""

    engine: RaceEngine
    publisher: Publisher
    monitor: SystemMonitor
    subscribers: int
    drops: int

    @property
    def published_at(self) -> float:
        """When the race was last published, in seconds of :func:`time.monotonic`."""

    def on_snapshot(self, listener: Callable[[RaceSnapshot], None]) -> Callable[[], None]:
        """Call ``listener`` with each published snapshot; returns the function that ends that."""

    def follow(self, cars: str | Iterable[str], *, viewer: Hashable = None) -> None:
        """Keep plans of these cars while this viewer wants them."""

    def ingest(self, raw: Any) -> int | None:
        """Take a frame; returns its number, None if it was refused."""

    def receive(self, raw: Any) -> int | None:
        """Take a frame that came in through the API."""

    async def acknowledged(self, number: int) -> None:
        """Return when a frame is safe."""

    async def plan(self, car_id: str) -> Advised | None:
        """Return the desk's answer for a car in the present state."""

    async def compute(self, work: Callable[..., T], *args: Any) -> T:
        """Run kernel work in the desk's thread."""

    async def answer(self, work: Callable[..., T], *args: Any) -> T:
        """Run a viewer's short question beside the desk."""

    async def once(self, key: Hashable, work: Callable[[], T]) -> T:
        """Answer a viewer's question once for all who ask the same."""

    async def decide(self, advice_id: str, action: Action, by: str = "strategist") -> Recommendation:
        """Note what a strategist does with a piece of advice."""

    async def follow_up(self, car_id: str, question: str) -> FollowUp:
        """Answer a strategist's question about the call of a car."""

    async def at(self, lap: int | None = None, time_s: float | None = None) -> RaceSnapshot:
        """Return what was known at a moment."""

    def control(self, action: str, value: float | None = None) -> None:
        """Pause, resume or hasten a replay."""

    def replicate(self, after: int) -> AsyncGenerator[tuple[int, int, bytes] | None, None]:
        """Yield ``(first, last, packed frames)`` as they are committed, None as a sign of life."""

    def last_journalled(self) -> int:
        """Return the number of the newest frame in the journal, committed or not."""

    def confirm(self, replica: Hashable, n: int | None) -> None:
        """Note how far a standby is; None: it has left."""

    def health(self) -> Mapping[str, Any]:
        """Return the state of each part."""
