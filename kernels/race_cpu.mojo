"""The C ABI of the race on a CPU: README.md says what each argument is."""
from std.memory import bitcast
from std.sys.defines import get_defined_int
from race_core import *
from race_screen import M_SCREEN, M_FLAG, M_PLACE, Own, drive_own, flag, put_own_aside, record, take_own_up

comptime W = get_defined_int["W", 8]()
comptime BP = MutPointer[UInt8, MutAnyOrigin]
comptime LP = MutPointer[Int64, MutAnyOrigin]
comptime LAYOUT = get_defined_int["LAYOUT", 0]()
"""What the caller takes the buffers to look like: a hash of its layout, set as this is built."""
comptime NO_GAP = Int32.MIN

# Steps of a program: what to do with the W races at hand.
comptime SCENARIO = 0
comptime START = 1
comptime DRIVE = 2
comptime PUT_ASIDE = 3
comptime TAKE_UP = 4
comptime COUNT = 5


@export
def racetwin_lanes() abi("C") -> Int32:
    return Int32(W)


@export
def racetwin_scratch_words() abi("C") -> Int64:
    return Int64(M_SCREEN * W)


@export
def racetwin_layout() abi("C") -> Int64:
    """The layout this was built for, so that a stale library is noticed."""
    return Int64(LAYOUT)


@always_inline
def bad_row(row: IP) -> Bool:
    """Whether a plan would be read beyond its row, or names a compound that is none."""
    var count = row[unsafe_offset=0]
    if count < 0 or count > 4:
        return True
    for s in range(Int(count)):
        var compound = row[unsafe_offset = PLAN_COMPOUND + s]
        if compound < 0 or compound > 4:
            return True
    return False


def refused(
    i: IP, plans: IP, n_plans: Int64, first: UInt32, n_races: Int64, steps: IP, n_steps: Int64, watch: IP, n_watch: Int64
) -> Int32:
    """Why a batch cannot be run, 0 if it can: nothing below reads or writes outside what these numbers allow."""
    var n = i[unsafe_offset=I_N]
    var laps = i[unsafe_offset=I_LAPS]
    var lap0 = i[unsafe_offset=I_LAP0]
    if n < 1 or n > CARS:
        return 1
    if laps < 1 or laps > LAPS or lap0 < 0 or lap0 + laps > i[unsafe_offset=I_TOTAL]:
        return 2
    if i[unsafe_offset=I_OWN] < -1 or i[unsafe_offset=I_OWN] >= n:
        return 3
    for c in range(Int(n)):
        var compound = i[unsafe_offset = I_COMPOUND + c]
        if compound < 0 or compound > 4 or i[unsafe_offset = I_MATE + c] < -1 or i[unsafe_offset = I_MATE + c] >= n:
            return 4
        if i[unsafe_offset = I_TIME + c] < 0 or i[unsafe_offset = I_TIME + c] > TIME_MAX:
            return 4
        if bad_row(i.unsafe_offset(I_PLANS + c * PLAN)):
            return 5
    if n_plans < 1 or n_races < 1 or Int64(first) + n_races > Int64(1) << 32:
        return 6
    for p in range(Int(n_plans)):
        if bad_row(plans.unsafe_offset(p * PLAN)):
            return 5
    for s in range(Int(n_steps)):
        var step = steps[unsafe_offset = 4 * s]
        var a = steps[unsafe_offset = 4 * s + 1]
        var begin = steps[unsafe_offset = 4 * s + 2]
        var until = steps[unsafe_offset = 4 * s + 3]
        if step < SCENARIO or step > COUNT:
            return 7
        if (step == DRIVE or step == COUNT) and (a < 0 or Int64(a) >= n_plans):
            return 7
        if step == DRIVE and (begin < 0 or begin > until or until > laps):
            return 7
        if (step == PUT_ASIDE or step == TAKE_UP) and (a < 0 or a >= DEPTH):
            return 7
    for q in range(Int(n_watch)):
        if watch[unsafe_offset=q] < 0 or watch[unsafe_offset=q] >= n:
            return 8
    return 0


@always_inline
def scenario(f: FP, i: IP, m: UP, seed: UInt32, sim: SIMD[DType.uint32, W]):
    """Everything of W races that no decision can change."""
    draw_cars[W, W, W, True](f, i, m, m, seed, sim)
    var track = Track[W](f, i, seed, sim)
    for lap in range(Int(i[unsafe_offset=I_LAPS])):
        var word = track.step[W, True](f, i, m, seed, sim, lap)
        puti[W, W](m, M_STATUS + lap, word)
        putf[W, W](m, M_WET + lap, track.wetness)
        draw_lap[W, W](f, i, m, seed, sim, lap, word)


@export
def racetwin_batch(
    f: FP,
    i: IP,
    plans: IP,
    n_plans: Int64,
    first: UInt32,
    n_races: Int64,
    m: UP,
    steps: IP,
    n_steps: Int64,
    positions: BP,
    histogram: LP,
    finished: LP,
    time_ms: LP,
    watch: IP,
    n_watch: Int64,
    watched: BP,
    gaps: IP,
) abi("C") -> Int32:
    """Run races first .. first + n_races of every plan and add up what they say; returns why not, 0 if done."""
    var why = refused(i, plans, n_plans, first, n_races, steps, n_steps, watch, n_watch)
    if why != 0:
        return why
    var n = Int(i[unsafe_offset=I_N])
    var own = Int(i[unsafe_offset=I_OWN])
    var seed = bitcast[DType.uint32, 1](i[unsafe_offset=I_SEED])
    var races = Int(n_races)
    for at in range(0, races, W):
        var sim = lanes[W]() + (first + UInt32(at))
        var valid = min(W, races - at)
        var key = seed
        var track = Track[W](f, i, key, sim)
        var notes = Notes[W](i)
        for s in range(Int(n_steps)):
            var step = steps[unsafe_offset = 4 * s]
            var a = Int(steps[unsafe_offset = 4 * s + 1])
            if step == SCENARIO:
                key = seed + UInt32(a) * 0x9E3779B9
                scenario(f, i, m, key, sim)
            elif step == START:
                notes = Notes[W](i)
                setup[W, W, True](f, i, m, key, sim)
            elif step == DRIVE:
                var begin = Int(steps[unsafe_offset = 4 * s + 2])
                var until = Int(steps[unsafe_offset = 4 * s + 3])
                drive[W, W, W, True](f, i, plans.unsafe_offset(a * PLAN), m, m, key, sim, track, notes, begin, until)
            elif step == PUT_ASIDE:
                put_aside[W, W](m, notes, a)
            elif step == TAKE_UP:
                take_up[W, W](m, notes, a)
            else:
                finish[W, W](i, m)
                for place in range(n):
                    for j in range(valid):
                        var k = m[unsafe_offset = (M_KEY + place) * W + j]
                        var c = Int(k & 31)
                        var r = at + j
                        histogram[unsafe_offset = (a * n + c) * n + place] += 1
                        if c == own:
                            positions[unsafe_offset = a * races + r] = UInt8(place + 1)
                            if k < UInt32(RETIRED):
                                finished[unsafe_offset=a] += 1
                                time_ms[unsafe_offset=a] += (Int64(k >> 5) * 1000 + 2048) >> 12
                        for q in range(Int(n_watch)):
                            if Int(watch[unsafe_offset=q]) == c:
                                watched[unsafe_offset = (a * races + r) * Int(n_watch) + q] = UInt8(place + 1)
                if n_watch > 0:
                    for j in range(valid):
                        var ours = UInt32(0xFFFFFFFF)
                        for place in range(n):
                            var k = m[unsafe_offset = (M_KEY + place) * W + j]
                            if Int(k & 31) == own:
                                ours = k
                        for q in range(Int(n_watch)):
                            var theirs = UInt32(0xFFFFFFFF)
                            for place in range(n):
                                var k = m[unsafe_offset = (M_KEY + place) * W + j]
                                if Int32(k & 31) == watch[unsafe_offset=q]:
                                    theirs = k
                            gaps[unsafe_offset = (a * races + at + j) * Int(n_watch) + q] = gap_ms(ours, theirs)
    return 0


@always_inline
def gap_ms(ours: UInt32, theirs: UInt32) -> Int32:
    """How far ahead of the other car ours finishes, in ms; NO_GAP where one of them does not."""
    if ours >= UInt32(RETIRED) or theirs >= UInt32(RETIRED):
        return NO_GAP
    return Int32((Int64(theirs >> 5) * 1000 + 2048) >> 12) - Int32((Int64(ours >> 5) * 1000 + 2048) >> 12)


@export
def racetwin_screen(
    f: FP,
    i: IP,
    field: IP,
    plans: IP,
    n_plans: Int64,
    first: UInt32,
    n_races: Int64,
    m: UP,
    steps: IP,
    n_steps: Int64,
    positions: BP,
    histogram: LP,
    finished: LP,
    time_ms: LP,
    watch: IP,
    n_watch: Int64,
    watched: BP,
) abi("C") -> Int32:
    """Record the field (the same state, `field`, in which every car decides for itself) and drive our car through it under every plan."""
    var why = refused(i, plans, n_plans, first, n_races, steps, n_steps, watch, n_watch)
    if why == 0:
        why = refused(field, plans, n_plans, first, n_races, steps, n_steps, watch, n_watch)
    var own = Int(i[unsafe_offset=I_OWN])
    if why != 0 or own < 0 or i[unsafe_offset=I_LAPS] != field[unsafe_offset=I_LAPS] or i[unsafe_offset=I_N] != field[unsafe_offset=I_N]:
        return why if why != 0 else 3
    var n = Int(i[unsafe_offset=I_N])
    var seed = bitcast[DType.uint32, 1](i[unsafe_offset=I_SEED])
    var races = Int(n_races)
    for at in range(0, races, W):
        var sim = lanes[W]() + (first + UInt32(at))
        var valid = min(W, races - at)
        var car = Own[W](i, own)
        for s in range(Int(n_steps)):
            var step = steps[unsafe_offset = 4 * s]
            var a = Int(steps[unsafe_offset = 4 * s + 1])
            if step == SCENARIO:
                scenario(f, i, m, seed, sim)
                record[W](f, field, plans, m, seed, sim, own)
            elif step == START:
                car = Own[W](i, own)
                setup[W, W, True](f, i, m, seed, sim)
            elif step == DRIVE:
                var begin = Int(steps[unsafe_offset = 4 * s + 2])
                var until = Int(steps[unsafe_offset = 4 * s + 3])
                drive_own[W](f, i, plans.unsafe_offset(a * PLAN), m, seed, sim, car, own, begin, until)
            elif step == PUT_ASIDE:
                put_own_aside[W](m, car, own, a)
            elif step == TAKE_UP:
                take_own_up[W](m, car, own, a)
            else:
                var key = flag[W](m, car, own)
                var place = SIMD[DType.uint32, W](1)
                for c in range(n):
                    place += getu[W, W](m, M_FLAG + c).lt(key).select(SIMD[DType.uint32, W](1), SIMD[DType.uint32, W](0))
                for j in range(valid):
                    var r = at + j
                    positions[unsafe_offset = a * races + r] = UInt8(place[j])
                    histogram[unsafe_offset = (a * n + own) * n + Int(place[j]) - 1] += 1
                    if key[j] < UInt32(RETIRED):
                        finished[unsafe_offset=a] += 1
                        time_ms[unsafe_offset=a] += (Int64(key[j] >> 5) * 1000 + 2048) >> 12
                    for q in range(Int(n_watch)):
                        var c = Int(watch[unsafe_offset=q])
                        var theirs = m[unsafe_offset = (M_PLACE + c) * W + j]
                        if m[unsafe_offset = (M_FLAG + c) * W + j] > key[j]:
                            theirs += 1
                        if c == own:
                            theirs = place[j]
                        watched[unsafe_offset = (a * races + r) * Int(n_watch) + q] = UInt8(theirs)
    return 0
