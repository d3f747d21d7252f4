"""The C ABI of the race on a CPU: README.md says what each argument is."""
from std.memory import bitcast
from std.sys.defines import get_defined_int
from race_core import *

comptime W = get_defined_int["W", 8]()
comptime BP = MutPointer[UInt8, MutAnyOrigin]
comptime LP = MutPointer[Int64, MutAnyOrigin]

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
    return Int64(M_STORED * W)


@export
def racetwin_layout() abi("C") -> Int32:
    """F_SIZE and I_SIZE in one number, so that a stale library is noticed."""
    return Int32(F_SIZE * 65536 + I_SIZE)


@always_inline
def scenario(f: FP, i: IP, m: UP, seed: UInt32, sim: SIMD[DType.uint32, W]):
    """Everything of W races that no decision can change."""
    draw_cars[W, W, True](f, i, m, seed, sim)
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
) abi("C"):
    """Run races first .. first + n_races of every plan and add up what they say."""
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
                drive[W, W, True](f, i, plans.unsafe_offset(a * PLAN), m, key, sim, track, notes, begin, until)
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
