# mypy: ignore-errors
# (Numba types these functions from what they are called with; annotations would say nothing it reads.)
"""The race in Numba: the reference that the other backends are held to, and the fallback where no other runs.

One race at a time, one scalar after the other, in the operations and the order that ``kernels/README.md`` prescribes: float32
with explicit fused multiply-adds, int32 ticks for time. Every product that feeds a sum is an ``fma``, so no compiler may contract
anything further and all backends agree bit for bit.
"""

from __future__ import annotations

import os
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from racetwin.config import settings
from racetwin.simulation.spec import layout as L  # noqa: N812 (a table of constants)

if "NUMBA_CACHE_DIR" not in os.environ:
    numba.config.CACHE_DIR = str(settings().cache / "numba")

F32 = np.float32
U32 = np.uint32
I32 = np.int32

M0, M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
W0, W1 = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)
MASK32 = np.uint64(0xFFFFFFFF)
LN2 = F32(0.6931472)
HALF = F32(0.5)
ONE = F32(1.0)
TWO = F32(2.0)
ZERO = F32(0.0)
INV16 = F32(1 / 65536)
INV24 = F32(1 / 16777216)
TICKS_F = F32(L.TICKS)
LAP_MAX = F32(510.0)
RETIRE_MAX = F32(1e6)
RETIRED = U32(L.RETIRED)
CAR_BITS = U32(31)

# Minimax polynomials: log2(1 + t)/t and (2^t - 1)/t on [0, 1], and over x in powers of
# -log2(1 - x^2), with x uniform in (-1, 1): the normal quantile, and the binary logarithm of (1 + x) / (1 - x).
G0, G1, G2, G3, G4 = (F32(c) for c in (1.44262600, -0.717392027, 0.443913221, -0.23033376, 0.0612556674))
E0, E1, E2, E3 = (F32(c) for c in (0.693133175, 0.240661636, 0.0534020364, 0.0127891544))
Z0, Z1, Z2, Z3, Z4 = (F32(c) for c in (1.24494493, 0.240806744, 0.00278192316, -0.000636264274, 1.95856755e-05))
O0, O1, O2, O3, O4 = (F32(c) for c in (2.87277794, 0.680617571, 0.0447378233, -0.00279061310, 6.46759727e-05))

jit = numba.njit(cache=True, nogil=True, error_model="numpy")
inline = numba.njit(cache=True, nogil=True, inline="never", error_model="numpy")


@intrinsic
def fma(_typing: Any, a: Any, b: Any, c: Any) -> Any:
    """Fused ``a * b + c`` in float32, rounded once."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float32(types.float32, types.float32, types.float32), generate


@intrinsic
def as_int(_typing: Any, x: Any) -> Any:
    """Bits of a float32 as int32."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.int32(types.float32), generate


@intrinsic
def as_float(_typing: Any, x: Any) -> Any:
    """Bits of an int32 as float32."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


@inline
def philox(c0, c1, c2, c3, k0, out):
    """Philox4x32-10 [Salmon et al. 2011]: four words from a counter and the key ``(k0, KEY)``."""
    x0, x1, x2, x3 = U32(c0), U32(c1), U32(c2), U32(c3)
    k0, k1 = U32(k0), U32(L.KEY)
    for _ in range(10):
        p0 = np.uint64(x0) * M0
        p1 = np.uint64(x2) * M1
        x0 = U32(p1 >> np.uint64(32)) ^ x1 ^ k0
        x2 = U32(p0 >> np.uint64(32)) ^ x3 ^ k1
        x1 = U32(p1 & MASK32)
        x3 = U32(p0 & MASK32)
        k0 = U32(k0 + W0)
        k1 = U32(k1 + W1)
    out[0], out[1], out[2], out[3] = x0, x1, x2, x3


@inline
def log2f(x):
    """Binary logarithm of a positive normal float32, relative error below 1e-4."""
    b = as_int(x)
    e = F32((b >> 23) - 127)
    t = as_float(I32((b & 0x7FFFFF) | 0x3F800000)) - ONE
    p = fma(G4, t, G3)
    p = fma(p, t, G2)
    p = fma(p, t, G1)
    p = fma(p, t, G0)
    return fma(p, t, e)


@inline
def exp2f(x):
    """Power of two for -60 <= x <= 60, relative error below 2e-5."""
    k = np.floor(x)
    t = x - k
    p = fma(E3, t, E2)
    p = fma(p, t, E1)
    p = fma(p, t, E0)
    p = fma(p, t, ONE)
    return p * as_float(I32((I32(k) + 127) << 23))


@inline
def centred(bits):
    """Uniform in (-1, 1) from 16 bits."""
    return fma(F32(I32(bits) - 32768), F32(1 / 32768), F32(1 / 65536))


@inline
def odds(bits):
    """Binary logarithm of u / (1 - u), u uniform in (0, 1), from 16 bits."""
    x = centred(bits)
    w = -log2f(fma(-x, x, ONE))
    p = fma(O4, w, O3)
    p = fma(p, w, O2)
    p = fma(p, w, O1)
    p = fma(p, w, O0)
    return p * x


@inline
def normal(word):
    """Standard normal from the upper 16 bits of a word."""
    x = centred(word >> U32(16))
    w = -log2f(fma(-x, x, ONE))
    p = fma(Z4, w, Z3)
    p = fma(p, w, Z2)
    p = fma(p, w, Z1)
    p = fma(p, w, Z0)
    return p * x


@inline
def uniform16(bits):
    """Uniform in (0, 1) from 16 bits."""
    return fma(F32(I32(bits)), INV16, F32(1 / 131072))


@inline
def exponential16(bits):
    """Standard exponential from 16 bits."""
    return -log2f(uniform16(bits)) * LN2


@inline
def draw_scenario(f, i, key, sim, stop_words, status, wet, base, factor, retire):
    """Draw all of a race that no car's decisions can change: pace, wear, retirements, track status, rain, stop draws."""
    n, laps = i[L.I_N], i[L.I_LAPS]
    w = np.empty(4, np.uint32)
    for g in range((n + 3) // 4):
        philox(sim, L.PACE, 4 * g, 0, key, w)
        for j in range(min(4, n - 4 * g)):
            c = 4 * g + j
            base[c] = fma(f[L.F_PACE_SD + c], normal(w[j]), f[L.F_BASE + c])
            wear = fma(f[L.F_WEAR_SD + c], normal(U32(w[j] << U32(16))), f[L.F_WEAR_MEAN + c])
            factor[c] = max(wear, F32(0.25))
        philox(sim, L.RETIRE, 4 * g, 0, key, w)
        for j in range(min(4, n - 4 * g)):
            c = 4 * g + j
            u = fma(F32(I32(w[j] >> U32(8))), INV24, F32(1 / 33554432))
            beyond = fma(-log2f(u), LN2, -f[L.F_RET_H1 + c])
            later = I32(min(max(beyond, ZERO) * f[L.F_RET_INV + c], RETIRE_MAX))
            retire[c] = later + 1 if beyond >= ZERO else 0
    for c in range(n):
        for h in range(2):
            philox(sim, L.STOP, c, h, key, w)
            for j in range(4):
                stop_words[c, 4 * h + j] = w[j]
    kind, left = i[L.I_KIND0], I32(0)
    philox(sim, L.TRACK, 0, 0xFFFF, key, w)
    if kind == L.SC or kind == L.VSC:
        lasted = f[L.F_SC_LEN0] if kind == L.SC else f[L.F_VSC_LEN0]
        u = fma(uniform16(w[0] & U32(0xFFFF)), ONE - lasted, lasted)
        at = L.F_SC_CDF if kind == L.SC else L.F_VSC_CDF
        left = I32(1)
        for j in range(10):
            left += I32(1) if u >= f[at + j] else I32(0)
        left = max(left - i[L.I_KIND0_LAPS], I32(0))
    raining = uniform16(w[1] >> U32(16)) < f[L.F_WETNESS]
    wetness = f[L.F_WETNESS]
    racing = i[L.I_DRS]
    restart = i[L.I_LAP0] == 0 or kind == L.RED
    for lap in range(laps):
        if lap % 2 == 0:
            philox(sim, L.TRACK, 0, lap // 2, key, w)
        trigger = w[2 * (lap % 2)]
        code = L.GREEN
        flags = L.STANDING_START if restart else 0
        restart = False
        if left > 0 and lap != i[L.I_FORCE_LAP]:
            code = kind
            left -= I32(1)
            if kind == L.SC and left == 0:
                flags |= L.LAST_LAP_OF_SC
        else:
            out = 0
            for c in range(n):
                if retire[c] == lap and i[L.I_ALIVE + c] != 0:
                    out += 1
            m = F32(out)
            sc = fma(m, f[L.F_SC16_RET], f[L.F_SC16_1] if lap == 0 else f[L.F_SC16])
            vsc = sc + fma(m, f[L.F_VSC16_RET], f[L.F_VSC16_1] if lap == 0 else f[L.F_VSC16])
            red = vsc + fma(m, f[L.F_RED16_RET], f[L.F_RED16_1] if lap == 0 else f[L.F_RED16])
            u = F32(I32(trigger >> U32(16)))
            kind = L.SC if u < sc else (L.VSC if u < vsc else (L.RED if u < red else L.GREEN))
            if lap == i[L.I_FORCE_LAP]:
                kind = i[L.I_FORCE_KIND]
            if kind == L.SC or kind == L.VSC:
                at = L.F_SC_CDF if kind == L.SC else L.F_VSC_CDF
                u = uniform16(trigger & U32(0xFFFF))
                left = I32(1)
                for j in range(10):
                    left += I32(1) if u >= f[at + j] else I32(0)
                code = L.SC_DEPLOYED if kind == L.SC else L.VSC_DEPLOYED
            elif kind == L.RED:
                code = L.RED
                restart = True
        if i[L.I_RAIN] != 0:
            u = fma(F32(I32(w[2 * (lap % 2) + 1] >> U32(8))), INV24, F32(1 / 33554432))
            raining = u >= f[L.F_RAIN_STOP] if raining else u < f[L.F_RAIN_START]
            wetness = min(wetness + f[L.F_RAIN_GAIN], ONE) if raining else max(wetness - f[L.F_RAIN_DRY], ZERO)
            if lap >= i[L.I_RAIN_LAP]:
                wetness = max(wetness, f[L.F_RAIN_MIN])
        wet[lap] = wetness
        racing = racing + 1 if code == L.GREEN and flags == 0 else 0
        if racing > 2 and wetness < f[L.F_CROSS_SI]:
            flags |= L.DRS
        status[lap] = code | flags


@inline
def draw_laps(f, i, key, sim, status, noise, need):
    """Draw each car's noise (standard normal) and the pace difference its passes need (1/128 s above -8 s), lap by lap."""
    n, laps = i[L.I_N], i[L.I_LAPS]
    w = np.empty(4, np.uint32)
    for lap in range(laps):
        word = status[lap]
        code = word & 7
        a = f[L.F_PASS_A] + (f[L.F_PASS_DRS] if word & L.DRS else ZERO)
        for g in range((n + 3) // 4):
            philox(sim, L.LAP, 4 * g, lap, key, w)
            for j in range(min(4, n - 4 * g)):
                c = 4 * g + j
                noise[lap, c] = normal(w[j])
                q = fma(odds(w[j] & U32(0xFFFF)), f[L.F_PASS_B], a)
                q = min(max(q, ZERO), F32(2047.0))
                need[lap, c] = I32(q)
                if word & L.STANDING_START:
                    need[lap, c] = 0
                elif code != L.GREEN:
                    need[lap, c] = 2047


@inline
def fit(f, c, compound, age, wear, off, k1, k2, cliff, inv_life, ages):
    """Put a set of tyres on car ``c``."""
    off[c] = f[L.F_OFFSET + compound]
    k1[c] = f[L.F_WEAR + compound] * wear
    k2[c] = f[L.F_CLIFF + compound] * wear
    cliff[c] = f[L.F_CLIFF_AGE + compound]
    inv_life[c] = f[L.F_INVLIFE + compound] * wear
    ages[c] = age


@inline
def choose(f, i, c, wetness, to_go, used, owed, word):
    """Return the compound a car that decides for itself fits with ``to_go`` laps left."""
    if wetness >= f[L.F_CROSS_IW]:
        return 4
    if wetness >= f[L.F_CROSS_SI]:
        return 3
    u = uniform16(word >> U32(16))
    target = F32(to_go) * fma(f[L.F_SPREAD], u + u - ONE, ONE)
    if owed > 1 or target > F32(1.35) * f[L.F_LIFE + 2]:
        target = target * HALF
    pick = 0 if f[L.F_LIFE] >= target else (1 if f[L.F_LIFE + 1] >= target else 2)
    allowed = i[L.I_AVAIL + c] & 7
    slicks = used & 7
    if i[L.I_TWO] != 0 and (used & 24) == 0 and (slicks & (slicks - 1)) == 0 and (allowed & ~slicks) != 0:
        allowed = allowed & ~slicks
    if allowed == 0:
        allowed = 7
    if (allowed >> pick) & 1 == 0:
        pick = (pick + 1) % 3
        if (allowed >> pick) & 1 == 0:
            pick = (pick + 1) % 3
    return pick


@inline
def still_owed(i, used, stops):
    """Return how many more stops the rules ask of a car."""
    if used & 24 or used == 0:
        return I32(0)
    slicks = used & 7
    one = I32(1) if i[L.I_TWO] != 0 and (slicks & (slicks - 1)) == 0 else I32(0)
    return min(max(i[L.I_MIN_STOPS] - stops, one), I32(3))


@inline
def wrong_tyre(f, compound, wetness):
    """Whether a car is on the wrong kind of tyre for the track."""
    if compound < 3:
        return wetness >= f[L.F_CROSS_SI]
    if compound == 3:
        return wetness >= f[L.F_CROSS_IW] or wetness < f[L.F_CROSS_IS]
    return wetness < f[L.F_CROSS_WI]


@inline
def race(f, i, plan, stop_words, status, wet, base, factor, retire, noise, need, keys, record, r_time, r_int, r_stat):
    """Run one race and leave the sorted keys in ``keys``; with ``record``, every lap's facts in ``r_*``."""
    n, laps, own, lap0 = i[L.I_N], i[L.I_LAPS], i[L.I_OWN], i[L.I_LAP0]
    total = i[L.I_TOTAL]
    off = np.empty(L.CARS, np.float32)
    k1 = np.empty(L.CARS, np.float32)
    k2 = np.empty(L.CARS, np.float32)
    cliff = np.empty(L.CARS, np.float32)
    inv_life = np.empty(L.CARS, np.float32)
    ages = np.empty(L.CARS, np.float32)
    hazard_left = np.empty(L.CARS, np.float32)
    compound = np.empty(L.CARS, np.int32)
    used = np.empty(L.CARS, np.int32)
    owed = np.empty(L.CARS, np.int32)
    stint = np.zeros(L.CARS, np.int32)
    stops = np.empty(L.CARS, np.int32)
    next_stop = np.zeros(L.CARS, np.int32)
    rows = np.empty((L.CARS, L.PLAN), np.int32)
    planned = np.zeros(L.CARS, np.bool_)
    pulled = False
    lap_ticks = np.empty(L.CARS, np.int32)
    lane_ticks = np.zeros(L.CARS, np.int32)
    stationary = np.empty(L.CARS, np.float32)
    pit = np.zeros(L.CARS, np.bool_)
    for c in range(n):
        planned[c] = c == own or i[L.I_PLANNED + c] != 0
        for j in range(L.PLAN):
            rows[c, j] = plan[j] if c == own else i[L.I_PLANS + c * L.PLAN + j]
        compound[c] = i[L.I_COMPOUND + c]
        used[c] = i[L.I_USED + c]
        owed[c] = i[L.I_OWED + c]
        stops[c] = i[L.I_STOPS + c]
        fit(f, c, compound[c], f[L.F_AGE0 + c], factor[c], off, k1, k2, cliff, inv_life, ages)
        hazard_left[c] = exponential16(stop_words[c, 0] >> U32(16))
        keys[c] = U32(i[L.I_TIME + c] << 5) | U32(c)
        if i[L.I_ALIVE + c] == 0:
            keys[c] = RETIRED | (U32(1023 - i[L.I_DONE + c]) << U32(5)) | U32(c)
    sort(keys, n)
    pitted, held, undercut, cover, room = U32(0), U32(0), U32(0), U32(0), U32(0)
    for lap in range(laps):
        word = status[lap]
        code = word & 7
        wetness = wet[lap]
        driven = lap0 + lap + 1
        to_go = total - driven
        red = code == L.RED or (lap == 0 and i[L.I_KIND0] == L.RED)
        neutral_car = code == L.SC or code == L.VSC or code == L.SC_DEPLOYED or code == L.VSC_DEPLOYED
        # Who stops.
        stopping, is_due = U32(0), U32(0)
        for c in range(n):
            pit[c] = False
            bit = U32(1) << U32(c)
            if to_go == 0:
                continue
            if i[L.I_ALIVE + c] == 0 or retire[c] < lap:
                continue
            wrong = wrong_tyre(f, compound[c], wetness)
            if planned[c]:
                if wrong:
                    hazard_left[c] = hazard_left[c] - f[L.F_STOP_WEATHER]
                due = False
                s = next_stop[c]
                if s < rows[c, 0]:
                    due = rows[c, L.PLAN_LAP + s] <= driven
                    if (
                        c == own
                        and not pulled
                        and neutral_car
                        and rows[c, L.PLAN_FROM] <= driven
                        and driven <= rows[c, L.PLAN_TO]
                    ):
                        due = True
                        pulled = True
                if due:
                    is_due |= bit
                pit[c] = due or (wrong and hazard_left[c] <= ZERO)
            else:
                x = ages[c] * inv_life[c]
                eta = fma(x, f[L.F_STOP_AGE], f[L.F_STOP0 + c])
                over = max(fma(ages[c], inv_life[c], -ONE), ZERO)
                eta = fma(over, f[L.F_STOP_OVERDUE], eta)
                eta = eta + (f[L.F_OWED + lap] if owed[c] > 0 else f[L.F_LATE + lap])
                eta = fma(min(x * TWO, ONE), f[L.F_STOP_STATUS + code], eta)
                eta = eta + (f[L.F_STOP_UNDERCUT] if undercut & bit else ZERO)
                eta = eta + (f[L.F_COVER + c] if cover & bit else ZERO)
                eta = eta + (f[L.F_STOP_TRAFFIC] if held & bit else ZERO)
                eta = eta + (f[L.F_STOP_FREE] if room & bit else ZERO)
                eta = min(max(eta, F32(-40.0)), F32(8.0))
                rest = hazard_left[c] - exp2f(eta)
                if wrong:
                    rest = rest - f[L.F_STOP_WEATHER]
                hazard_left[c] = rest
                pit[c] = rest <= ZERO or (owed[c] > 0 and to_go <= owed[c])
            if pit[c]:
                stopping |= bit
        if red:
            # Everyone changes tyres for nothing; what was to be a stop now is that change.
            stopping = U32(0)
            for c in range(n):
                pit[c] = False
                if i[L.I_ALIVE + c] == 0 or retire[c] < lap or to_go == 0:
                    continue
                s = next_stop[c]
                k = 2 * (stint[c] & 3)
                if planned[c] and s < rows[c, 0]:
                    fresh = rows[c, L.PLAN_COMPOUND + s]
                    age = F32(rows[c, L.PLAN_AGE + s]) * F32(1 / 16)
                    next_stop[c] = s + 1
                    if fresh < 3 and wetness >= f[L.F_CROSS_SI]:
                        fresh = 4 if wetness >= f[L.F_CROSS_IW] else 3
                        age = f[L.F_SETAGE + 5 * c + fresh]
                else:
                    fresh = choose(f, i, c, wetness, to_go, used[c], owed[c], stop_words[c, k + 1])
                    age = f[L.F_SETAGE + 5 * c + fresh]
                compound[c] = fresh
                used[c] |= 1 << fresh
                stops[c] += 1
                owed[c] = still_owed(i, used[c], stops[c])
                fit(f, c, fresh, age, factor[c], off, k1, k2, cliff, inv_life, ages)
                stint[c] += 1
                hazard_left[c] = exponential16(stop_words[c, 2 * (stint[c] & 3)] >> U32(16))
        in_lane = 0
        for c in range(n):
            if pit[c]:
                e = -log2f(uniform16(stop_words[c, 2 * (stint[c] & 3)] & U32(0xFFFF)))
                beyond = max(fma(e, LN2, -f[L.F_STAT_FROM]), ZERO)
                s = fma(e, f[L.F_STAT_BODY], f[L.F_STAT])
                stationary[c] = fma(beyond, f[L.F_STAT_TAIL], s)
                if stint[c] == 0:
                    stationary[c] = stationary[c] + F32(i[L.I_EXTRA + c]) * F32(1 / 4096)
        # Team-mates share a box: under green the one behind comes a lap later if it decides for itself, else it waits.
        for p in range(n):
            c = I32(keys[p] & CAR_BITS)
            m = i[L.I_MATE + c]
            if m < 0 or not pit[c] or not pit[m]:
                continue
            gap = I32(keys[p] >> U32(5)) - mate_time(keys, n, m)
            if gap < 0 or (gap == 0 and c < m):
                continue
            if code == L.GREEN and gap < i[L.I_STACK] and not (planned[c] and planned[m]):
                d = m if planned[c] else c
                if not (owed[d] > 0 and to_go <= owed[d]):
                    pit[d] = False
                    stopping &= ~(U32(1) << U32(d))
                    continue
            wait = stationary[m] + f[L.F_STACK] - F32(gap) * F32(1 / 4096)
            stationary[c] = stationary[c] + max(wait, ZERO)
        for c in range(n):
            in_lane += 1 if pit[c] else 0
        others = F32(in_lane - 1)
        # Everybody's lap, alone on the track.
        common = f[L.F_LAPTIME + lap * L.CODES + code]
        sd = f[L.F_SD + code]
        if word & L.STANDING_START:
            common = common + f[L.F_STANDING]
            sd = f[L.F_START_SD]
        if wetness > ZERO:
            common = fma(wetness, f[L.F_WET_TRACK], common)
        inter_loss = max(fma(wetness, f[L.F_INTER_SLOPE], f[L.F_INTER_DRY]), ZERO)
        for c in range(n):
            over = max(ages[c] - cliff[c], ZERO)
            y = fma(ages[c], k1[c], off[c])
            y = fma(over * over, k2[c], y)
            t = base[c] + y
            t = t + common
            t = fma(sd, noise[lap, c], t)
            if compound[c] < 3:
                t = fma(wetness, f[L.F_SLICK_WET], t)
            elif compound[c] == 3:
                t = t + inter_loss
            else:
                t = fma(ONE - wetness, f[L.F_WET_DRY], t)
            if pitted & (U32(1) << U32(c)):
                t = t + f[L.F_COLD]
            ages[c] = ages[c] + f[L.F_AGE + code]
            if record:
                r_int[lap, c, 0] = compound[c]
                r_int[lap, c, 1] = I32(ages[c] * F32(16.0))
                r_int[lap, c, 2] = 1 if pit[c] else 0
                r_stat[lap, c] = stationary[c] if pit[c] else ZERO
            lane_ticks[c] = 0
            if pit[c]:
                lane = f[L.F_PITLOSS + code] + fma(others, f[L.F_QUEUE], stationary[c])
                lane_ticks[c] = min(I32(max(lane, ZERO) * F32(16.0)), I32(2047)) << 8
                t = t + f[L.F_PITLOSS + code]
                t = t + fma(others, f[L.F_QUEUE], stationary[c])
                s = next_stop[c]
                k = 2 * (stint[c] & 3)
                stops[c] += 1
                if is_due & (U32(1) << U32(c)):
                    fresh = rows[c, L.PLAN_COMPOUND + s]
                    age = F32(rows[c, L.PLAN_AGE + s]) * F32(1 / 16)
                    next_stop[c] = s + 1
                    if fresh < 3 and wetness >= f[L.F_CROSS_SI]:
                        fresh = 4 if wetness >= f[L.F_CROSS_IW] else 3
                        age = f[L.F_SETAGE + 5 * c + fresh]
                else:
                    fresh = choose(f, i, c, wetness, to_go, used[c], owed[c], stop_words[c, k + 1])
                    age = f[L.F_SETAGE + 5 * c + fresh]
                compound[c] = fresh
                used[c] |= 1 << fresh
                owed[c] = still_owed(i, used[c], stops[c])
                fit(f, c, fresh, age, factor[c], off, k1, k2, cliff, inv_life, ages)
                stint[c] += 1
                hazard_left[c] = exponential16(stop_words[c, 2 * (stint[c] & 3)] >> U32(16))
            lap_ticks[c] = I32(fma(min(max(t, ONE), LAP_MAX), TICKS_F, HALF))
        # The order on the road.
        follow = i[L.I_GAP + code]
        free = i[L.I_FREE]
        floor = I32(keys[0] >> U32(5)) + i[L.I_SC_FLOOR + lap] if code == L.SC else I32(0)
        reference = i[L.I_REF + lap]
        previous = U32(0)
        before = -(1 << 25)
        front, front_lap = I32(0), I32(0)
        held, undercut, cover, room = U32(0), U32(0), U32(0), U32(0)
        for p in range(n):
            k = keys[p]
            if k & RETIRED:
                break
            c = I32(k & CAR_BITS)
            bit = U32(1) << U32(c)
            t = I32(k >> U32(5))
            mine = (stopping & bit) != 0
            # What the lane costs comes after the lap on the road: a safety car does not swallow it, nor hold up who stays out.
            lane = lane_ticks[c] if mine else I32(0)
            own_lap = lap_ticks[c] - lane
            new = t + own_lap
            gone = retire[c] == lap
            gap = t - before
            if code == L.GREEN:
                near = i[L.I_DIRTY_RANGE] - min(gap, i[L.I_DIRTY_RANGE])
                new += (near * i[L.I_DIRTY_Q]) >> 16
            if code == L.SC:
                new = max(new, floor)
                if new - floor > reference - (reference >> 3):
                    # A lapped car: it may unlap itself as the safety car goes in, else it keeps its distance.
                    if i[L.I_UNLAP] == 0:
                        new += i[L.I_SLOW + lap]
                    elif word & L.LAST_LAP_OF_SC:
                        new -= reference
            is_free = code == L.GREEN and front - new > free
            passes = front_lap - own_lap > ((2047 if mine else need[lap, c]) - 1024) << 5
            blocked = (front + follow > new and not is_free and not passes) or (code == L.RED and front > 0)
            if blocked:
                new = front + follow
                held |= bit
            if gap < i[L.I_COVER_GAP]:
                theirs = (stopping & previous) != 0
                if theirs and not mine:
                    undercut |= bit
                if mine and not theirs:
                    cover |= previous
            if gap > i[L.I_PIT_GAP]:
                room |= previous
            if (is_free or new > front) and not mine and (not gone or code == L.RED):
                front, front_lap = new, own_lap
            before = t
            previous = bit
            keys[p] = U32(min(max(new + lane, I32(0)), I32(L.TIME_MAX)) << 5) | U32(c)
            if gone:
                keys[p] = RETIRED | (U32(1023 - (lap0 + lap)) << U32(5)) | U32(c)
        sort(keys, n)
        if word & L.STANDING_START:
            for p in range(1, n):
                if keys[p] & RETIRED:
                    break
                least = (keys[p - 1] >> U32(5)) + U32(i[L.I_START_GAP])
                if (keys[p] >> U32(5)) < least:
                    keys[p] = (least << U32(5)) | (keys[p] & CAR_BITS)
        pitted = stopping
        if record:
            for p in range(n):
                c = I32(keys[p] & CAR_BITS)
                r_int[lap, c, 3] = p + 1
                r_int[lap, c, 4] = 0 if keys[p] & RETIRED else 1
                r_time[lap, c] = 0 if keys[p] & RETIRED else I32(keys[p] >> U32(5))
    if own >= 0 and owed[own] > 0:
        for p in range(n):
            if I32(keys[p] & CAR_BITS) == own and not keys[p] & RETIRED:
                keys[p] = RETIRED | (U32(1023) << U32(5)) | U32(own)
        sort(keys, n)
        if record:
            for p in range(n):
                r_int[laps - 1, I32(keys[p] & CAR_BITS), 3] = p + 1


@inline
def mate_time(keys, n, m):
    """Return the ticks at which car ``m`` last crossed the line."""
    for p in range(n):
        if I32(keys[p] & CAR_BITS) == m:
            return I32(keys[p] >> U32(5))
    return I32(0)


@inline
def key_of(keys, n, c):
    """Return the sort key of car ``c``, that of a retired car where there is none."""
    for p in range(n):
        if I32(keys[p] & CAR_BITS) == c:
            return keys[p]
    return U32(0xFFFFFFFF)


@inline
def milliseconds(key):
    """Return the time in a sort key in whole ms."""
    return I32((np.int64(key >> U32(5)) * 1000 + 2048) >> 12)


@inline
def sort(keys, n):
    """Sort ascending; nearly sorted input is the rule."""
    for a in range(1, n):
        k = keys[a]
        b = a - 1
        while b >= 0 and keys[b] > k:
            keys[b + 1] = keys[b]
            b -= 1
        keys[b + 1] = k


@jit
def batch(f, i, plans, first, n_races, shared, positions, histogram, finished, time_ms, watch, watched, gaps):
    """Run races ``first .. first + n_races`` of every plan and add up what they say."""
    n, laps = i[L.I_N], i[L.I_LAPS]
    n_plans = plans.shape[0]
    seed = U32(i[L.I_SEED])
    stop_words = np.empty((L.CARS, 8), np.uint32)
    status = np.empty(laps, np.int32)
    wet = np.empty(laps, np.float32)
    base = np.empty(L.CARS, np.float32)
    factor = np.empty(L.CARS, np.float32)
    retire = np.empty(L.CARS, np.int32)
    noise = np.empty((laps, L.CARS), np.float32)
    need = np.empty((laps, L.CARS), np.int32)
    keys = np.empty(L.CARS, np.uint32)
    r_time = np.empty((0, 0), np.int32)
    r_int = np.empty((0, 0, 0), np.int32)
    r_stat = np.empty((0, 0), np.float32)
    for r in range(n_races):
        sim = U32(first + r)
        for p in range(n_plans):
            if p == 0 or not shared:
                key = seed if shared else U32(seed + U32(p) * W0)
                draw_scenario(f, i, key, sim, stop_words, status, wet, base, factor, retire)
                draw_laps(f, i, key, sim, status, noise, need)
            race(
                f,
                i,
                plans[p],
                stop_words,
                status,
                wet,
                base,
                factor,
                retire,
                noise,
                need,
                keys,
                False,
                r_time,
                r_int,
                r_stat,
            )
            for place in range(n):
                k = keys[place]
                c = I32(k & CAR_BITS)
                histogram[p, c, place] += 1
                if c == i[L.I_OWN]:
                    positions[p, r] = place + 1
                    if not k & RETIRED:
                        finished[p] += 1
                        time_ms[p] += (np.int64(k >> U32(5)) * 1000 + 2048) >> 12
                for q in range(watch.shape[0]):
                    if watch[q] == c:
                        watched[p, r, q] = place + 1
            for q in range(watch.shape[0]):
                ours, theirs = key_of(keys, n, i[L.I_OWN]), key_of(keys, n, watch[q])
                if not (ours | theirs) & RETIRED:
                    gaps[p, r, q] = milliseconds(theirs) - milliseconds(ours)


@jit
def trace(f, i, plan, sim, status, wet, retire, r_time, r_int, r_stat):
    """Run one race and record every lap."""
    laps = i[L.I_LAPS]
    seed = U32(i[L.I_SEED])
    stop_words = np.empty((L.CARS, 8), np.uint32)
    base = np.empty(L.CARS, np.float32)
    factor = np.empty(L.CARS, np.float32)
    noise = np.empty((laps, L.CARS), np.float32)
    need = np.empty((laps, L.CARS), np.int32)
    keys = np.empty(L.CARS, np.uint32)
    draw_scenario(f, i, seed, U32(sim), stop_words, status, wet, base, factor, retire)
    draw_laps(f, i, seed, U32(sim), status, noise, need)
    race(f, i, plan, stop_words, status, wet, base, factor, retire, noise, need, keys, True, r_time, r_int, r_stat)
    return keys


@jit
def detail(f, i, plan, first, n_races, rivals, positions, rejoins, gaps, to_leader):
    """Run races and keep what a histogram of finishing positions does not say about our car."""
    n, laps, own = i[L.I_N], i[L.I_LAPS], i[L.I_OWN]
    seed = U32(i[L.I_SEED])
    stop_words = np.empty((L.CARS, 8), np.uint32)
    base = np.empty(L.CARS, np.float32)
    factor = np.empty(L.CARS, np.float32)
    retire = np.empty(L.CARS, np.int32)
    status = np.empty(laps, np.int32)
    wet = np.empty(laps, np.float32)
    noise = np.empty((laps, L.CARS), np.float32)
    need = np.empty((laps, L.CARS), np.int32)
    keys = np.empty(L.CARS, np.uint32)
    time = np.empty((laps, n), np.int32)
    facts = np.empty((laps, n, 5), np.int32)
    stationary = np.empty((laps, n), np.float32)
    for r in range(n_races):
        sim = U32(first + r)
        draw_scenario(f, i, seed, sim, stop_words, status, wet, base, factor, retire)
        draw_laps(f, i, seed, sim, status, noise, need)
        race(
            f, i, plan, stop_words, status, wet, base, factor, retire, noise, need, keys, True, time, facts, stationary
        )
        stop = 0
        for lap in range(laps):
            positions[lap, facts[lap, own, 3] - 1] += 1
            if facts[lap, own, 4] == 0:
                continue
            if facts[lap, own, 2] != 0 and stop < rejoins.shape[0]:
                rejoins[stop, facts[lap, own, 3] - 1] += 1
                stop += 1
            for c in range(n):
                if facts[lap, c, 3] == 1:
                    to_leader[r, lap] = F32(time[lap, own] - time[lap, c]) * F32(1 / 4096)
        for q in range(rivals.shape[0]):
            c = rivals[q]
            if facts[laps - 1, own, 4] != 0 and facts[laps - 1, c, 4] != 0:
                gaps[r, q] = F32(time[laps - 1, c] - time[laps - 1, own]) * F32(1 / 4096)
