# mypy: ignore-errors
# (Numba types these functions from what they are called with; annotations would say nothing it reads.)
"""Many races in Numba: what they add up to, one of them lap by lap, and a plan's laps over all of them."""

from __future__ import annotations

import numpy as np

from racetwin.simulation.backends.numba_draws import draw, draw_room
from racetwin.simulation.backends.numba_race import count_own, key_of, milliseconds, race
from racetwin.simulation.backends.numba_random import CAR_BITS, F32, I32, RETIRED, U32, W0, jit
from racetwin.simulation.spec import layout as L


@jit
def batch(f, i, plans, first, n_races, shared, positions, histogram, finished, time_ms, watch, watched, gaps):
    """Run races ``first .. first + n_races`` of every plan and add up what they say."""
    n, laps = i[L.I_N], i[L.I_LAPS]
    n_plans = plans.shape[0]
    seed = U32(i[L.I_SEED])
    room = draw_room(laps)
    keys = np.empty(L.CARS, np.uint32)
    r_time = np.empty((0, 0), np.int32)
    r_int = np.empty((0, 0, 0), np.int32)
    r_stat = np.empty((0, 0), np.float32)
    for r in range(n_races):
        sim = U32(first + r)
        for p in range(n_plans):
            if p == 0 or not shared:
                key = seed if shared else U32(seed + U32(p) * W0)
                draw(f, i, key, sim, *room)
            race(f, i, plans[p], *room, keys, False, r_time, r_int, r_stat)
            for place in range(n):
                k = keys[place]
                c = I32(k & CAR_BITS)
                histogram[p, c, place] += 1
                if c == i[L.I_OWN]:
                    positions[p, r] = place + 1
                    count_own(k, p, finished, time_ms)
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
    stop_words, _, _, base, factor, _, noise, need = draw_room(laps)
    keys = np.empty(L.CARS, np.uint32)
    draw(f, i, seed, U32(sim), stop_words, status, wet, base, factor, retire, noise, need)
    race(f, i, plan, stop_words, status, wet, base, factor, retire, noise, need, keys, True, r_time, r_int, r_stat)
    return keys


@jit
def detail(f, i, plan, first, n_races, rivals, positions, rejoins, gaps, to_leader):
    """Run races and keep what a histogram of finishing positions does not say about our car."""
    n, laps, own = i[L.I_N], i[L.I_LAPS], i[L.I_OWN]
    seed = U32(i[L.I_SEED])
    room = draw_room(laps)
    keys = np.empty(L.CARS, np.uint32)
    time = np.empty((laps, n), np.int32)
    facts = np.empty((laps, n, 5), np.int32)
    stationary = np.empty((laps, n), np.float32)
    for r in range(n_races):
        sim = U32(first + r)
        draw(f, i, seed, sim, *room)
        race(f, i, plan, *room, keys, True, time, facts, stationary)
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
