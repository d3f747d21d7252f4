"""One client of a telemetry server: what it has sent and got, and how much it may send."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class ClientCounters:
    """What one client has sent and got."""

    address: str
    connected_at: float = field(default_factory=time.time)
    received: int = 0
    bytes: int = 0
    accepted: int = 0
    rejected: int = 0
    rate_limited: int = 0
    sent: int = 0
    gaps: int = 0
    connected: bool = True


class RateLimit:
    """Token bucket: ``rate`` a second on average, ``burst`` at once."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate, self.burst = rate, burst
        self._clock = clock
        self._level, self._at = burst, clock()

    def allows(self) -> bool:
        """Take one token, if there is one."""
        now = self._clock()
        self._level = min(self.burst, self._level + (now - self._at) * self.rate)
        self._at = now
        if self._level < 1:
            return False
        self._level -= 1
        return True
