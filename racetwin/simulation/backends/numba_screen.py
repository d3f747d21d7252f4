# mypy: ignore-errors
# (Numba types these functions from what they are called with; annotations would say nothing it reads.)
"""The own-car screen in Numba: the field recorded once a race, our car alone driven through it under every plan.

The reference of ``kernels/race_screen.mojo``: the same operations, so the same places bit for bit.
"""

from __future__ import annotations

import numpy as np

from racetwin.simulation.backends.numba_draws import draw, draw_room
from racetwin.simulation.backends.numba_race import choose, count_own, fitted, race, standstill, still_owed, wrong_tyre
from racetwin.simulation.backends.numba_random import (
    CAR_BITS,
    F32,
    HALF,
    I32,
    LAP_MAX,
    ONE,
    RETIRED,
    TICKS_F,
    U32,
    ZERO,
    exponential16,
    fma,
    inline,
    jit,
)
from racetwin.simulation.spec import layout as L

NOWHERE = I32(1 << 28)


@inline
def drive_own(f, i, plan, stop_words, status, wet, base, factor, retire, noise, need, line, lead, lane):
    """Drive our car under a plan through the recorded field; returns its key at the flag."""
    n, laps, own, lap0, total = i[L.I_N], i[L.I_LAPS], i[L.I_OWN], i[L.I_LAP0], i[L.I_TOTAL]
    mate = i[L.I_MATE + own]
    compound, used, owed = i[L.I_COMPOUND + own], i[L.I_USED + own], i[L.I_OWED + own]
    made, age, wear = i[L.I_STOPS + own], f[L.F_AGE0 + own], factor[own]
    hazard = exponential16(stop_words[own, 0] >> U32(16))
    stint, following = I32(0), I32(0)
    pulled, pitted = False, False
    t_line = i[L.I_TIME + own]
    for lap in range(laps):
        word = status[lap]
        code = word & 7
        wetness = wet[lap]
        driven = lap0 + lap + 1
        to_go = total - driven
        red = code == L.RED or (lap == 0 and i[L.I_KIND0] == L.RED)
        due, stops = False, False
        if to_go > 0:
            if following < plan[0]:
                due = plan[L.PLAN_LAP + following] <= driven
                neutral = code != L.GREEN and code != L.RED
                if neutral and not pulled and plan[L.PLAN_FROM] <= driven and driven <= plan[L.PLAN_TO]:
                    due = True
                    pulled = True
            stops = due
            if wrong_tyre(f, compound, wetness):
                hazard = hazard - f[L.F_STOP_WEATHER]
                stops = stops or hazard <= ZERO
        fresh, fresh_age, change = compound, age, False
        if to_go > 0 and (red or stops):
            k = 2 * (stint & 3)
            change = True
            if following < plan[0] if red else due:
                fresh, fresh_age = fitted(f, own, plan, following, wetness)
                following += 1
            else:
                fresh = choose(f, i, own, wetness, to_go, used, owed, stop_words[own, k + 1])
                fresh_age = f[L.F_SETAGE + 5 * own + fresh]
        if red:
            stops = False
        e_word = stop_words[own, 2 * (stint & 3)]
        extra = F32(i[(L.I_EXTRA if stint == 0 else L.I_CREW) + own]) * F32(1 / 4096)
        if red and change:
            compound, age = fresh, fresh_age
            used, made = used | (1 << fresh), made + 1
            owed = still_owed(i, used, min(made, I32(7)))
            stint += 1
            hazard = exponential16(stop_words[own, 2 * (stint & 3)] >> U32(16))
        # Its lap, alone on the track.
        common = f[L.F_LAPTIME + lap * L.CODES + code]
        sd = f[L.F_SD + code]
        if word & L.STANDING_START:
            common = common + f[L.F_STANDING]
            sd = f[L.F_START_SD]
        if wetness > ZERO:
            common = fma(wetness, f[L.F_WET_TRACK], common)
        over = max(age - f[L.F_CLIFF_AGE + compound], ZERO)
        y = fma(age, f[L.F_WEAR + compound] * wear, f[L.F_OFFSET + compound])
        y = fma(over * over, f[L.F_CLIFF + compound] * wear, y)
        t = base[own] + y
        t = t + common
        t = fma(sd, noise[lap, own], t)
        if compound < 3:
            t = fma(wetness, f[L.F_SLICK_WET], t)
        elif compound == 3:
            t = t + max(fma(wetness, f[L.F_INTER_SLOPE], f[L.F_INTER_DRY]), ZERO)
        else:
            t = fma(ONE - wetness, f[L.F_WET_DRY], t)
        if pitted:
            t = t + f[L.F_COLD]
        age = age + f[L.F_AGE + code]
        own_lap = I32(fma(min(max(t, ONE), LAP_MAX), TICKS_F, HALF))
        lost, asks = I32(0), need[lap, own]
        if stops:
            stationary = standstill(f, e_word) + extra
            if mate >= 0:
                # A team-mate that is ahead and decides for itself under green comes later; else it is waited for.
                gap = t_line - line[lap, mate]
                settled = code == L.GREEN and gap < i[L.I_STACK] and i[L.I_PLANNED + mate] == 0
                if gap > 0 and (lane[lap] >> U32(mate)) & U32(1) and not settled:
                    wait = (f[L.F_STAT] + f[L.F_STACK]) - F32(gap) * F32(1 / 4096)
                    stationary = stationary + max(wait, ZERO)
            others = ZERO
            for c in range(n):
                others = others + F32(I32((lane[lap] >> U32(c)) & U32(1)))
            in_lane = f[L.F_PITLOSS + code] + fma(others, f[L.F_QUEUE], stationary)
            lost = min(I32(max(in_lane, ZERO) * F32(16.0)), I32(2047)) << 8
            asks = I32(2047)
            compound, age = fresh, fresh_age
            used, made = used | (1 << fresh), made + 1
            owed = still_owed(i, used, min(made, I32(7)))
            stint += 1
            hazard = exponential16(stop_words[own, 2 * (stint & 3)] >> U32(16))
        # Its way through the field.
        before, first = I32(-(1 << 25)), t_line
        for c in range(n):
            if line[lap, c] < t_line:
                before = max(before, line[lap, c])
            first = min(first, line[lap, c])
        new = t_line + own_lap
        if code == L.GREEN:
            near = i[L.I_DIRTY_RANGE] - min(t_line - before, i[L.I_DIRTY_RANGE])
            new += (near * i[L.I_DIRTY_Q]) >> 16
        if code == L.SC:
            floor, reference = first + i[L.I_SC_FLOOR + lap], i[L.I_REF + lap]
            new = max(new, floor)
            if new - floor > reference - (reference >> 3):
                if i[L.I_UNLAP] == 0:
                    new += i[L.I_SLOW + lap]
                elif word & L.LAST_LAP_OF_SC:
                    new -= reference
        limit = new + i[L.I_FREE] if code == L.GREEN else NOWHERE
        front, front_line = I32(0), I32(0)
        for c in range(n):
            if line[lap, c] < t_line and front < lead[lap, c] <= limit:
                front, front_line = lead[lap, c], line[lap, c]
        ahead = front + i[L.I_GAP + code]
        passes = front - front_line - own_lap > (asks - 1024) << 5
        if front > 0 and ((ahead > new and not passes) or code == L.RED):
            new = ahead
        t_line = min(max(new + lost, I32(0)), I32(L.TIME_MAX))
        if retire[own] == lap:
            return RETIRED | (U32(1023 - (lap0 + lap)) << U32(5)) | U32(own)
        pitted = stops
    if owed > 0:
        return RETIRED | (U32(1023) << U32(5)) | U32(own)
    return (U32(t_line) << U32(5)) | U32(own)


@jit
def screen(f, i, field, plans, first, n_races, positions, histogram, finished, time_ms, watch, watched):
    """Record the field (``field``: the state in which every car decides for itself), then drive our car under every plan."""
    n, laps, own = i[L.I_N], i[L.I_LAPS], i[L.I_OWN]
    seed = U32(i[L.I_SEED])
    room = draw_room(laps)
    keys = np.empty(L.CARS, np.uint32)
    time = np.empty((laps, n), np.int32)
    facts = np.empty((laps, n, 5), np.int32)
    stationary = np.empty((laps, n), np.float32)
    line = np.empty((laps + 1, n), np.int32)
    lead = np.empty((laps, n), np.int32)
    lane = np.empty(laps, np.uint32)
    flags = np.empty(L.CARS, np.uint32)
    places = np.empty(L.CARS, np.int32)
    for r in range(n_races):
        sim = U32(first + r)
        draw(f, i, seed, sim, *room)
        race(f, field, plans[0], *room, keys, True, time, facts, stationary)
        for c in range(n):
            line[0, c] = i[L.I_TIME + c] if c != own and i[L.I_ALIVE + c] != 0 else NOWHERE
        for lap in range(laps):
            lane[lap] = U32(0)
            for c in range(n):
                there = c != own and facts[lap, c, 4] != 0
                line[lap + 1, c] = time[lap, c] if there else NOWHERE
                lead[lap, c] = time[lap, c] if there and facts[lap, c, 2] == 0 else -NOWHERE
                if c != own and facts[lap, c, 2] != 0:
                    lane[lap] |= U32(1) << U32(c)
        behind = 0
        for place in range(n):
            c = I32(keys[place] & CAR_BITS)
            flags[c] = U32(0xFFFFFFFF) if c == own else keys[place]
            places[c] = place + 1 - behind
            if c == own:
                behind = 1
        for p in range(plans.shape[0]):
            key = drive_own(f, i, plans[p], *room, line, lead, lane)
            place = 1
            for c in range(n):
                if flags[c] < key:
                    place += 1
            positions[p, r] = place
            histogram[p, own, place - 1] += 1
            count_own(key, p, finished, time_ms)
            for q in range(watch.shape[0]):
                c = watch[q]
                watched[p, r, q] = place if c == own else places[c] + (1 if flags[c] > key else 0)
