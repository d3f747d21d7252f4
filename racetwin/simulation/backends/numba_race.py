# mypy: ignore-errors
# (Numba types these functions from what they are called with; annotations would say nothing it reads.)
"""The race in Numba: the reference that the other backends are held to, and the fallback where no other runs.

One race at a time, one scalar after the other, in the operations and the order that ``kernels/README.md`` prescribes: float32
with explicit fused multiply-adds, int32 ticks for time. Every product that feeds a sum is an ``fma``, so no compiler may contract
anything further and all backends agree bit for bit.
"""

from __future__ import annotations

import numpy as np

from racetwin.simulation.backends.numba_random import (
    CAR_BITS,
    F32,
    HALF,
    I32,
    LAP_MAX,
    LN2,
    ONE,
    RETIRED,
    TICKS_F,
    TWO,
    U32,
    ZERO,
    exp2f,
    exponential16,
    fma,
    inline,
    log2f,
    uniform16,
)
from racetwin.simulation.spec import layout as L


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
def fitted(f, c, plan, s, wetness):
    """Return compound and age of the tyres that stop ``s`` of a plan fits: a plan for a dry track heeds the rain."""
    fresh, age = plan[L.PLAN_COMPOUND + s], F32(plan[L.PLAN_AGE + s]) * F32(1 / 16)
    if fresh < 3 and wetness >= f[L.F_CROSS_SI]:
        fresh = I32(4) if wetness >= f[L.F_CROSS_IW] else I32(3)
        age = f[L.F_SETAGE + 5 * c + fresh]
    return fresh, age


@inline
def standstill(f, word):
    """Return how long a stop stands still, s, by its draw: a body, and a tail of the stops that go wrong."""
    e = -log2f(uniform16(word & U32(0xFFFF)))
    beyond = max(fma(e, LN2, -f[L.F_STAT_FROM]), ZERO)
    return fma(beyond, f[L.F_STAT_TAIL], fma(e, f[L.F_STAT_BODY], f[L.F_STAT]))


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
                    fresh, age = fitted(f, c, rows[c], s, wetness)
                    next_stop[c] = s + 1
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
                stationary[c] = standstill(f, stop_words[c, 2 * (stint[c] & 3)])
                usual = L.I_EXTRA if stint[c] == 0 else L.I_CREW
                stationary[c] = stationary[c] + F32(i[usual + c]) * F32(1 / 4096)
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
                    fresh, age = fitted(f, c, rows[c], s, wetness)
                    next_stop[c] = s + 1
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
def count_own(key, p, finished, time_ms):
    """Add our car's finish under plan ``p`` to the totals, if it has one."""
    if not key & RETIRED:
        finished[p] += 1
        time_ms[p] += (np.int64(key >> U32(5)) * 1000 + 2048) >> 12


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
