"""Where each number stands in the two flat buffers that a backend gets: float32 ``F`` and int32 ``I``.

One table serves Numba, Mojo and CUDA: ``python -m racetwin.simulation.spec.layout`` prints it as Mojo source
(``kernels/race_layout.mojo``), and a test holds the two together.
"""

from __future__ import annotations

CARS = 24
"""Slots per car array; a race with fewer cars leaves the last ones unused."""
LAPS = 128
"""Slots per lap array: most laps that can be simulated from a state."""
NETWORKS = (12, 20, 22, 24)
"""Sizes a vector backend sorts; a race with fewer cars is padded to the next."""
CODES = 8
"""Slots per table over track-status codes (below)."""

# Track-status codes of a simulated lap.
GREEN, SC, VSC, RED, SC_DEPLOYED, VSC_DEPLOYED = range(6)

# Flags beside the code in a lap's status word.
LAST_LAP_OF_SC = 8
STANDING_START = 16
DRS = 32

# Purposes: second word of the random counter.
PACE, RETIRE, TRACK, LAP, STOP = range(1, 6)
KEY = 0x72616365
"""Second word of the Philox key (ASCII "race")."""

TICKS = 4096
"""Fixed-point time: ticks per second."""
RETIRED = 1 << 31
"""Bit of a sort key that puts a car behind all running ones."""
TIME_MAX = (1 << 26) - 1
PLAN = 16
"""int32 per plan: count, 4 laps, 4 compounds, 4 ages (1/16 lap), first and last lap of the safety-car window (0, -1: none)."""
PLAN_LAP, PLAN_COMPOUND, PLAN_AGE, PLAN_FROM, PLAN_TO = 1, 5, 9, 13, 14
AGE_UNITS = 16
"""Tyre ages are multiples of 1/16 lap."""


def _offsets(entries: tuple[tuple[str, int], ...]) -> tuple[dict[str, int], int]:
    at, table = 0, {}
    for name, size in entries:
        table[name] = at
        at += size
    return table, at


_F = (
    # scalars
    ("F_PASS_B", 1),
    ("F_PASS_A", 1),
    ("F_PASS_DRS", 1),
    ("F_COLD", 1),
    ("F_STAT", 1),
    ("F_STAT_BODY", 1),
    ("F_STAT_FROM", 1),
    ("F_STAT_TAIL", 1),
    ("F_QUEUE", 1),
    ("F_STACK", 1),
    ("F_SC16", 1),
    ("F_VSC16", 1),
    ("F_RED16", 1),
    ("F_SC16_1", 1),
    ("F_VSC16_1", 1),
    ("F_RED16_1", 1),
    ("F_SC16_RET", 1),
    ("F_VSC16_RET", 1),
    ("F_RED16_RET", 1),
    ("F_RAIN_START", 1),
    ("F_RAIN_STOP", 1),
    ("F_RAIN_GAIN", 1),
    ("F_RAIN_DRY", 1),
    ("F_WETNESS", 1),
    ("F_RAIN_MIN", 1),
    ("F_WET_TRACK", 1),
    ("F_SLICK_WET", 1),
    ("F_INTER_DRY", 1),
    ("F_INTER_SLOPE", 1),
    ("F_WET_DRY", 1),
    ("F_CROSS_SI", 1),
    ("F_CROSS_IS", 1),
    ("F_CROSS_IW", 1),
    ("F_CROSS_WI", 1),
    ("F_STOP_WEATHER", 1),
    ("F_STOP_AGE", 1),
    ("F_STOP_OVERDUE", 1),
    ("F_STOP_UNDERCUT", 1),
    ("F_STOP_COVER", 1),
    ("F_STOP_TRAFFIC", 1),
    ("F_STOP_FREE", 1),
    ("F_SPREAD", 1),
    ("F_START_SD", 1),
    ("F_STANDING", 1),
    ("F_SC_LEN0", 1),
    ("F_VSC_LEN0", 1),
    # tables over codes
    ("F_PITLOSS", CODES),
    ("F_AGE", CODES),
    ("F_SD", CODES),
    ("F_STOP_STATUS", CODES),
    ("F_SC_CDF", 10),
    ("F_VSC_CDF", 10),
    # tables over compounds (5 used)
    ("F_OFFSET", CODES),
    ("F_WEAR", CODES),
    ("F_CLIFF_AGE", CODES),
    ("F_CLIFF", CODES),
    ("F_INVLIFE", CODES),
    ("F_LIFE", CODES),
    # per car
    ("F_BASE", CARS),
    ("F_PACE_SD", CARS),
    ("F_WEAR_MEAN", CARS),
    ("F_WEAR_SD", CARS),
    ("F_AGE0", CARS),
    ("F_STOP0", CARS),
    ("F_COVER", CARS),
    ("F_RET_H1", CARS),
    ("F_RET_INV", CARS),
    ("F_SETAGE", CARS * 5),
    # per lap
    ("F_LATE", LAPS),
    ("F_OWED", LAPS),
    ("F_LAPTIME", LAPS * CODES),
)
_I = (
    ("I_N", 1),
    ("I_LAPS", 1),
    ("I_LAP0", 1),
    ("I_TOTAL", 1),
    ("I_OWN", 1),
    ("I_SEED", 1),
    ("I_KIND0", 1),
    ("I_KIND0_LAPS", 1),
    ("I_RAIN", 1),
    ("I_MIN_STOPS", 1),
    ("I_TWO", 1),
    ("I_DIRTY_RANGE", 1),
    ("I_DIRTY_Q", 1),
    ("I_FREE", 1),
    ("I_COVER_GAP", 1),
    ("I_PIT_GAP", 1),
    ("I_STACK", 1),
    ("I_UNLAP", 1),
    ("I_DRS", 1),
    ("I_START_GAP", 1),
    ("I_FORCE_LAP", 1),
    ("I_FORCE_KIND", 1),
    ("I_RAIN_LAP", 1),
    ("I_WETS", 1),
    ("I_GAP", CODES),
    # per car
    ("I_TIME", CARS),
    ("I_ALIVE", CARS),
    ("I_DONE", CARS),
    ("I_COMPOUND", CARS),
    ("I_USED", CARS),
    ("I_OWED", CARS),
    ("I_STOPS", CARS),
    ("I_AVAIL", CARS),
    ("I_MATE", CARS),
    ("I_PLANNED", CARS),
    ("I_PLANS", CARS * PLAN),
    ("I_EXTRA", CARS),
    ("I_CREW", CARS),
    # per lap
    ("I_SC_FLOOR", LAPS),
    ("I_REF", LAPS),
    ("I_SLOW", LAPS),
)

F_INDEX, F_SIZE = _offsets(_F)
I_INDEX, I_SIZE = _offsets(_I)
globals().update(F_INDEX)
globals().update(I_INDEX)


def __getattr__(name: str) -> int:
    # Only asked where a name is missing; it tells type checkers that offsets are integers.
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def constants() -> dict[str, int]:
    """Return every name and number of the layout."""
    plain = {k: v for k, v in globals().items() if k.isupper() and isinstance(v, int) and not k.startswith("_")}
    return dict(sorted(plain.items()))


def sorting_network(n: int) -> list[tuple[int, int]]:
    """Return Batcher's merge-exchange network for ``n`` keys [Knuth, TAOCP 3, 5.2.2, algorithm M].

    Examples
    --------
    >>> sorting_network(3)
    [(0, 2), (0, 1), (1, 2)]
    """
    comparators = []
    t = max(1, (n - 1).bit_length())
    p = 1 << (t - 1)
    while p > 0:
        q, r, d = 1 << (t - 1), 0, p
        while d > 0:
            comparators += [(k, k + d) for k in range(n - d) if k & p == r]
            d, q, r = q - p, q // 2, p
        p //= 2
    return comparators


def mojo_source() -> str:
    """Return the layout as the Mojo module ``race_layout``."""
    head = '"""Offsets and codes shared with Python; written by `python -m racetwin.simulation.spec.layout`."""\n\n'
    lines = [f"comptime {name} = {value}" for name, value in constants().items()]
    for n in NETWORKS:
        pairs = [k for pair in sorting_network(n) for k in pair]
        lines += [f"comptime NETWORK_{n} = {pairs}", f"comptime COMPARATORS_{n} = {len(pairs) // 2}"]
    return head + "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(mojo_source(), end="")
