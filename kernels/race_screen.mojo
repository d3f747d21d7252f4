"""The own-car screen: the field is recorded once a race, then our car alone drives through it under many plans.

Rivals do not answer what our car does, and are held up by nobody new: a measure to shortlist plans by, not to judge them. README.md
says what is the same as in the race and what is left out.
"""
from std.math import fma, max, min
from std.memory import bitcast
from race_core import *
from race_random import log2f, uniform16

# Beyond the memory of a race: where each car stood at the line after each lap, and where it holds up who follows.
comptime M_LINE = M_STORED
comptime M_LEAD = M_LINE + (LAPS + 1) * SLOTS
comptime M_LANE = M_LEAD + LAPS * SLOTS
comptime M_FLAG = M_LANE + LAPS
comptime M_PLACE = M_FLAG + SLOTS
comptime M_SCREEN = M_PLACE + SLOTS
comptime NOWHERE = 1 << 28
"""A line time later than any: of a car that is out, and of our own in the record of its rivals."""


@always_inline
def record[W: Int](f: FP, i: IP, plans: IP, m: UP, seed: UInt32, sim: SIMD[DType.uint32, W], own: Int):
    """Race the field to the flag, every car deciding for itself, and keep where the rivals of car `own` are."""
    comptime U = SIMD[DType.uint32, W]
    comptime I = SIMD[DType.int32, W]
    var n = Int(i[unsafe_offset=I_N])
    var track = Track[W](f, i, seed, sim)
    var notes = Notes[W](i)
    setup[W, W, True](f, i, m, seed, sim)
    for c in range(n):
        var there = c != own and i[unsafe_offset = I_ALIVE + c] != 0
        puti[W, W](m, M_LINE + c, I(i[unsafe_offset = I_TIME + c] if there else Int32(NOWHERE)))
    for lap in range(Int(i[unsafe_offset=I_LAPS])):
        drive[W, W, W, True](f, i, plans, m, m, seed, sim, track, notes, lap, lap + 1)
        var lane = notes.pitted & ~U(UInt32(1) << UInt32(own))
        putu[W, W](m, M_LANE + lap, lane)
        for place in range(n):
            comptime for j in range(W):
                var k = m[unsafe_offset = (M_KEY + place) * W + j]
                var c = Int(k & 31)
                var t = Int32(k >> 5)
                if k >= UInt32(RETIRED) or c == own:
                    t = Int32(NOWHERE)
                var holds = t if t < Int32(NOWHERE) and (lane[j] >> UInt32(c)) & 1 == 0 else Int32(-NOWHERE)
                m[unsafe_offset = (M_LINE + (lap + 1) * SLOTS + c) * W + j] = bitcast[DType.uint32, 1](t)
                m[unsafe_offset = (M_LEAD + lap * SLOTS + c) * W + j] = bitcast[DType.uint32, 1](holds)
    # The order at the flag among themselves.
    var behind = U(0)
    for place in range(n):
        var k = getu[W, W](m, M_KEY + place)
        var c = k & 31
        var mine = c.eq(UInt32(own))
        comptime for j in range(W):
            var slot = Int(c[j])
            m[unsafe_offset = (M_FLAG + slot) * W + j] = UInt32(0xFFFFFFFF) if slot == own else k[j]
            m[unsafe_offset = (M_PLACE + slot) * W + j] = UInt32(place) + UInt32(1) - behind[j]
        behind = mine.select(U(1), behind)


struct Own[W: Int]:
    """What our car takes from one lap to the next beside its tyres."""

    comptime U = SIMD[DType.uint32, Self.W]
    comptime B = SIMD[DType.bool, Self.W]
    var key: Self.U
    var pulled: Self.B
    var pitted: Self.B
    var weather: Bool

    @always_inline
    def __init__(out self, i: IP, own: Int):
        self.key = Self.U((UInt32(i[unsafe_offset = I_TIME + own]) << 5) | UInt32(own))
        self.pulled = Self.B(fill=False)
        self.pitted = Self.B(fill=False)
        self.weather = i[unsafe_offset=I_WETS] != 0


@always_inline
def put_own_aside[W: Int](m: UP, car: Own[W], own: Int, depth: Int):
    """Keep a copy of our car as it stands."""
    comptime U = SIMD[DType.uint32, W]
    var at = M_SAVED + depth * SAVED
    for k in range(5):
        putu[W, W](m, at + k, getu[W, W](m, M_KEY + k * SLOTS + own))
        putu[W, W](m, at + 5 + k, getu[W, W](m, M_OFF + k * SLOTS + own))
    putu[W, W](m, at + 10, car.key)
    putu[W, W](m, at + 11, car.pulled.select(U(1), U(0)))
    putu[W, W](m, at + 12, car.pitted.select(U(1), U(0)))
    putu[W, W](m, at + 13, U(1 if car.weather else 0))


@always_inline
def take_own_up[W: Int](m: UP, mut car: Own[W], own: Int, depth: Int):
    """Go back to our car as it was put aside."""
    var at = M_SAVED + depth * SAVED
    for k in range(5):
        putu[W, W](m, M_KEY + k * SLOTS + own, getu[W, W](m, at + k))
        putu[W, W](m, M_OFF + k * SLOTS + own, getu[W, W](m, at + 5 + k))
    car.key = getu[W, W](m, at + 10)
    car.pulled = getu[W, W](m, at + 11).ne(0)
    car.pitted = getu[W, W](m, at + 12).ne(0)
    car.weather = getu[W, W](m, at + 13)[0] != 0


@always_inline
def drive_own[
    W: Int
](
    f: FP,
    i: IP,
    plan: IP,
    m: UP,
    seed: UInt32,
    sim: SIMD[DType.uint32, W],
    mut car: Own[W],
    own: Int,
    begin: Int,
    end: Int,
):
    """Drive our car from lap `begin` to before lap `end` through the recorded field."""
    comptime F = SIMD[DType.float32, W]
    comptime I = SIMD[DType.int32, W]
    comptime U = SIMD[DType.uint32, W]
    comptime B = SIMD[DType.bool, W]
    var n = Int(i[unsafe_offset=I_N])
    var lap0 = Int(i[unsafe_offset=I_LAP0])
    var total = Int(i[unsafe_offset=I_TOTAL])
    var mate = Int(i[unsafe_offset = I_MATE + own])
    var retires = geti[W, W](m, M_RETIRE + own)
    for lap in range(begin, end):
        var word = geti[W, W](m, M_STATUS + lap)
        var wetness = getf[W, W](m, M_WET + lap)
        var lane_mask = getu[W, W](m, M_LANE + lap)
        var code = word & 7
        var green = code.eq(GREEN)
        var driven = Int32(lap0 + lap + 1)
        var to_go = total - lap0 - lap - 1
        var red = code.eq(RED)
        if lap == 0 and i[unsafe_offset=I_KIND0] == RED:
            red = B(fill=True)
        var damp = wetness.gt(0.0).reduce_or()
        car.weather = car.weather or damp
        var there = retires.ge(Int32(lap))
        # Whether it stops.
        var stopping = B(fill=False)
        var due = B(fill=False)
        if to_go > 0:
            var info = geti[W, W](m, M_INFO + own)
            var next = (info >> NEXT_AT) & 7
            for s in range(Int(plan[unsafe_offset=0])):
                if plan[unsafe_offset = PLAN_LAP + s] <= driven:
                    due = due | next.eq(Int32(s))
            if plan[unsafe_offset=PLAN_FROM] <= driven and driven <= plan[unsafe_offset=PLAN_TO]:
                var neutral = code.ne(GREEN) & code.ne(RED)
                var pull = neutral & ~car.pulled & next.lt(plan[unsafe_offset=0]) & there
                due = due | pull
                car.pulled = car.pulled | pull
            stopping = there & due
            if car.weather:
                var wrong = wrong_tyre[W](f, info & 7, wetness)
                var hazard = getf[W, W](m, M_HAZARD + own)
                hazard = wrong.select(hazard - f[unsafe_offset=F_STOP_WEATHER], hazard)
                putf[W, W](m, M_HAZARD + own, hazard)
                stopping = stopping | (there & wrong & hazard.le(0.0))
            if red.reduce_or():
                stopping = stopping & ~red
                var by_plan = next.lt(plan[unsafe_offset=0])
                refit[W, W, True](f, i, plan, m, seed, sim, own, red & there, by_plan, wetness, to_go)
        var t_line = (car.key >> 5).cast[DType.int32]()
        var stops = stopping.reduce_or()
        # Its lap, alone on the track.
        var standing = (word & STANDING_START).ne(0)
        var common = table[W, 6](f, F_LAPTIME + lap * CODES, code)
        var sd = table[W, 6](f, F_SD, code)
        if standing.reduce_or():
            common = standing.select(common + f[unsafe_offset=F_STANDING], common)
            sd = standing.select(F(f[unsafe_offset=F_START_SD]), sd)
        if damp:
            common = wetness.gt(0.0).select(fma(wetness, F(f[unsafe_offset=F_WET_TRACK]), common), common)
        var age = getf[W, W](m, M_AGE + own)
        var over = max(age - getf[W, W](m, M_CLIFF + own), F(0.0))
        var y = fma(age, getf[W, W](m, M_K1 + own), getf[W, W](m, M_OFF + own))
        y = fma(over * over, getf[W, W](m, M_K2 + own), y)
        var t = getf[W, W](m, M_BASE + own) + y
        t = t + common
        t = fma(sd, getf[W, W](m, M_NOISE + lap * SLOTS + own), t)
        if car.weather:
            var compound = geti[W, W](m, M_INFO + own) & 7
            var inter_loss = max(
                fma(wetness, F(f[unsafe_offset=F_INTER_SLOPE]), F(f[unsafe_offset=F_INTER_DRY])), F(0.0)
            )
            t = compound.lt(3).select(
                fma(wetness, F(f[unsafe_offset=F_SLICK_WET]), t),
                compound.eq(3).select(t + inter_loss, fma(F(1.0) - wetness, F(f[unsafe_offset=F_WET_DRY]), t)),
            )
        t = car.pitted.select(t + f[unsafe_offset=F_COLD], t)
        putf[W, W](m, M_AGE + own, age + table[W, 6](f, F_AGE, code))
        var own_lap = fma(min(max(t, F(1.0)), F(510.0)), F(4096.0), F(0.5)).cast[DType.int32]()
        var lane = I(0)
        var need = geti[W, W](m, M_NEED + lap * SLOTS + own)
        if stops:
            var stint = (geti[W, W](m, M_INFO + own) >> STINT_AT) & 15
            var e = -log2f[W](uniform16[W](stop_words[W, W, True](m, seed, sim, own, stint, 0) & 0xFFFF))
            var beyond = max(fma(e, F(0.6931472), F(-f[unsafe_offset=F_STAT_FROM])), F(0.0))
            var stationary = fma(e, F(f[unsafe_offset=F_STAT_BODY]), F(f[unsafe_offset=F_STAT]))
            stationary = fma(beyond, F(f[unsafe_offset=F_STAT_TAIL]), stationary)
            var extra = Float32(i[unsafe_offset = I_EXTRA + own]) * Float32(1.0 / 4096.0)
            var crew = Float32(i[unsafe_offset = I_CREW + own]) * Float32(1.0 / 4096.0)
            stationary = stationary + stint.eq(0).select(F(extra), F(crew))
            if mate >= 0:
                # A team-mate that is ahead and decides for itself under green comes later; else it is waited for.
                var gap = t_line - geti[W, W](m, M_LINE + lap * SLOTS + mate)
                var both = ((lane_mask >> UInt32(mate)) & 1).ne(0) & gap.gt(0)
                var settled = green & gap.lt(i[unsafe_offset=I_STACK]) & B(fill=i[unsafe_offset = I_PLANNED + mate] == 0)
                var late = gap.cast[DType.float32]() * F(1.0 / 4096.0)
                var wait = max(F(f[unsafe_offset=F_STAT] + f[unsafe_offset=F_STACK]) - late, F(0.0))
                stationary = (both & ~settled).select(stationary + wait, stationary)
            var others = F(0.0)
            for c in range(n):
                others = others + ((lane_mask >> UInt32(c)) & 1).cast[DType.int32]().cast[DType.float32]()
            var in_lane = fma(others, F(f[unsafe_offset=F_QUEUE]), stationary)
            var lane_s = table[W, 6](f, F_PITLOSS, code) + in_lane
            lane = stopping.select(min((max(lane_s, F(0.0)) * F(16.0)).cast[DType.int32](), I(2047)) << 8, I(0))
            need = stopping.select(I(2047), need)
            refit[W, W, True](f, i, plan, m, seed, sim, own, stopping, stopping & due, wetness, to_go)
        # Its way through the field.
        var before = I(-(1 << 25))
        var first = t_line
        for c in range(n):
            var line = geti[W, W](m, M_LINE + lap * SLOTS + c)
            before = max(before, line.lt(t_line).select(line, before))
            first = min(first, line)
        var new = t_line + own_lap
        var near = i[unsafe_offset=I_DIRTY_RANGE] - min(t_line - before, I(i[unsafe_offset=I_DIRTY_RANGE]))
        new = new + ((near * green.select(I(i[unsafe_offset=I_DIRTY_Q]), I(0))) >> 16)
        var behind_sc = code.eq(SC)
        if behind_sc.reduce_or():
            var floor = first + i[unsafe_offset = I_SC_FLOOR + lap]
            var reference = i[unsafe_offset = I_REF + lap]
            var slowed = max(new, floor)
            var lapped = (slowed - floor).gt(reference - (reference >> 3))
            if i[unsafe_offset=I_UNLAP] == 0:
                slowed = lapped.select(slowed + i[unsafe_offset = I_SLOW + lap], slowed)
            else:
                slowed = (lapped & (word & LAST_LAP_OF_SC).ne(0)).select(slowed - reference, slowed)
            new = behind_sc.select(slowed, new)
        # The last of those ahead who is not so slow that he holds up nobody.
        var limit = green.select(new + i[unsafe_offset=I_FREE], I(NOWHERE))
        var front = I(0)
        var front_line = I(0)
        for c in range(n):
            var line = geti[W, W](m, M_LINE + lap * SLOTS + c)
            var lead = geti[W, W](m, M_LEAD + lap * SLOTS + c)
            var holds = line.lt(t_line) & lead.gt(front) & lead.le(limit)
            front = holds.select(lead, front)
            front_line = holds.select(line, front_line)
        var ahead = front + itable[W, 6](i, I_GAP, code)
        var passes = (front - front_line - own_lap).gt((need - 1024) << 5)
        var blocked = front.gt(0) & ((ahead.gt(new) & ~passes) | code.eq(RED))
        new = blocked.select(ahead, new)
        var key = (min(max(new + lane, I(0)), I(TIME_MAX)).cast[DType.uint32]() << 5) | UInt32(own)
        var out_key = U(UInt32(RETIRED) | (UInt32(1023 - lap0 - lap) << 5) | UInt32(own))
        key = retires.eq(Int32(lap)).select(out_key, key)
        car.key = there.select(key, car.key)
        car.pitted = stopping


@always_inline
def flag[W: Int](m: UP, car: Own[W], own: Int) -> SIMD[DType.uint32, W]:
    """Our car's key at the flag: last of all if it still owes a stop or a compound."""
    comptime U = SIMD[DType.uint32, W]
    var owing = ((geti[W, W](m, M_INFO + own) >> OWED_AT) & 3).gt(0) & car.key.lt(UInt32(RETIRED))
    return owing.select(U(UInt32(RETIRED) | (UInt32(1023) << 5) | UInt32(own)), car.key)
