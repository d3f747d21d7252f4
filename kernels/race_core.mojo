"""One race, generic over the lane count W: W races per SIMD vector on a CPU, W = 1 in a GPU thread.

The specification in words is README.md beside this file; the buffers F and I are laid out by race_layout. Per-lane memory is a block
of 32-bit words, slot s of lane j at `s * S + j`. With STORED the scenario (all that no decision can change) stands in that memory,
drawn once for many plans; without, it is drawn as the race goes, and tyre curves are looked up instead of kept: little memory, for
a GPU thread.
"""
from std.bit import count_trailing_zeros, pop_count
from std.math import fma, max, min
from std.memory import bitcast
from std.sys.defines import get_defined_int
from race_layout import *
from race_random import philox, log2f, exp2f, normal, odds, uniform16, uniform24, exponential16

comptime FP = MutPointer[Float32, MutAnyOrigin]
comptime IP = MutPointer[Int32, MutAnyOrigin]
comptime UP = MutPointer[UInt32, MutAnyOrigin]

# Slots of per-lane memory; a build for fewer cars (a multiple of 4) needs less of it.
comptime SLOTS = get_defined_int["SLOTS", CARS]()
comptime GROUP = get_defined_int["GROUP", 4]()
"""Cars at a time: four keep a CPU's units busy; a GPU rather keeps its short loops in the instruction cache."""
comptime M_KEY = 0
comptime M_LAP = M_KEY + SLOTS
comptime M_AGE = M_LAP + SLOTS
comptime M_HAZARD = M_AGE + SLOTS
comptime M_INFO = M_HAZARD + SLOTS
comptime M_BASE = M_INFO + SLOTS
comptime M_FACTOR = M_BASE + SLOTS
comptime M_COMPACT = M_FACTOR + SLOTS
comptime M_RETIRE = M_COMPACT
comptime M_OFF = M_RETIRE + SLOTS
comptime M_K1 = M_OFF + SLOTS
comptime M_K2 = M_K1 + SLOTS
comptime M_CLIFF = M_K2 + SLOTS
comptime M_INVLIFE = M_CLIFF + SLOTS
comptime M_STOPS = M_INVLIFE + SLOTS
comptime M_STATUS = M_STOPS + 8 * SLOTS
comptime M_WET = M_STATUS + LAPS
comptime M_NOISE = M_WET + LAPS
comptime M_NEED = M_NOISE + LAPS * SLOTS
comptime M_SAVED = M_NEED + LAPS * SLOTS
comptime MOVING = 5 * SLOTS
"""Slots from M_KEY on that change as a race goes; the curves from M_OFF on are as many again."""
comptime SAVED = 2 * MOVING + 8
comptime DEPTH = 6
"""Races that can be put aside at a time: one for every stop of a plan, and the start."""
comptime M_STORED = M_SAVED + DEPTH * SAVED

# A car's discrete state in one word.
comptime USED_AT = 3
comptime OWED_AT = 8
comptime STINT_AT = 10
comptime MADE_AT = 14
comptime NEXT_AT = 17
comptime RETIRE_AT = 20
comptime RETIRE_BITS = 255 << RETIRE_AT
comptime OWED_BITS = 3 << OWED_AT


@always_inline
def getf[W: Int, S: Int](m: UP, slot: Int) -> SIMD[DType.float32, W]:
    return bitcast[DType.float32, W](m.unsafe_load[width=W](slot * S))


@always_inline
def getu[W: Int, S: Int](m: UP, slot: Int) -> SIMD[DType.uint32, W]:
    return m.unsafe_load[width=W](slot * S)


@always_inline
def geti[W: Int, S: Int](m: UP, slot: Int) -> SIMD[DType.int32, W]:
    return bitcast[DType.int32, W](m.unsafe_load[width=W](slot * S))


@always_inline
def putf[W: Int, S: Int](m: UP, slot: Int, v: SIMD[DType.float32, W]):
    m.unsafe_store(slot * S, bitcast[DType.uint32, W](v))


@always_inline
def putu[W: Int, S: Int](m: UP, slot: Int, v: SIMD[DType.uint32, W]):
    m.unsafe_store(slot * S, v)


@always_inline
def puti[W: Int, S: Int](m: UP, slot: Int, v: SIMD[DType.int32, W]):
    m.unsafe_store(slot * S, bitcast[DType.uint32, W](v))


@always_inline
def lanes[W: Int]() -> SIMD[DType.uint32, W]:
    var v = SIMD[DType.uint32, W](0)
    comptime for j in range(W):
        v[j] = UInt32(j)
    return v


@always_inline
def gather[W: Int, S: Int](m: UP, slot: SIMD[DType.uint32, W]) -> SIMD[DType.uint32, W]:
    comptime if W == 1:
        return m.unsafe_load[width=W](Int(slot[0]) * S)
    else:
        # Signed 32-bit offsets: one gather of W words, not two of W / 2.
        return m.unsafe_gather(bitcast[DType.int32, W](slot * UInt32(S) + lanes[W]()))


@always_inline
def table[W: Int, N: Int](f: FP, at: Int, index: SIMD[DType.int32, W]) -> SIMD[DType.float32, W]:
    """F[at + index], index below N, without a gather."""
    comptime if W == 1:
        return SIMD[DType.float32, W](f[unsafe_offset = at + Int(index[0])])
    else:
        var v = SIMD[DType.float32, W](f[unsafe_offset=at])
        comptime for k in range(1, N):
            v = index.eq(Int32(k)).select(SIMD[DType.float32, W](f[unsafe_offset = at + k]), v)
        return v


@always_inline
def itable[W: Int, N: Int](i: IP, at: Int, index: SIMD[DType.int32, W]) -> SIMD[DType.int32, W]:
    """I[at + index], index below N, without a gather."""
    comptime if W == 1:
        return SIMD[DType.int32, W](i[unsafe_offset = at + Int(index[0])])
    else:
        var v = SIMD[DType.int32, W](i[unsafe_offset=at])
        comptime for k in range(1, N):
            v = index.eq(Int32(k)).select(SIMD[DType.int32, W](i[unsafe_offset = at + k]), v)
        return v


@always_inline
def sort_network[W: Int, S: Int, N: Int, C: Int, NETWORK: Array[Int, 2 * C]](m: UP):
    """Sort the first N keys ascending, branch-free."""
    var k = Array[SIMD[DType.uint32, W], N](fill=SIMD[DType.uint32, W](0))
    comptime for j in range(N):
        k[j] = getu[W, S](m, M_KEY + j)
    comptime for c in range(C):
        comptime a = NETWORK[2 * c]
        comptime b = NETWORK[2 * c + 1]
        var x = k[a]
        var y = k[b]
        k[a] = min(x, y)
        k[b] = max(x, y)
    comptime for j in range(N):
        putu[W, S](m, M_KEY + j, k[j])


@always_inline
def sort[W: Int, S: Int](m: UP, n: Int):
    """Sort the keys of n cars; slots beyond n hold the largest key."""
    comptime if W == 1:
        # One network, whatever n: code that stays in the instruction cache counts for more than comparators.
        comptime if SLOTS == 20:
            sort_network[W, S, 20, COMPARATORS_20, NETWORK_20](m)
        else:
            sort_network[W, S, 24, COMPARATORS_24, NETWORK_24](m)
        return
    comptime if SLOTS >= 24:
        if n > 22:
            sort_network[W, S, 24, COMPARATORS_24, NETWORK_24](m)
            return
        if n > 20:
            sort_network[W, S, 22, COMPARATORS_22, NETWORK_22](m)
            return
    if n > 12:
        sort_network[W, S, 20, COMPARATORS_20, NETWORK_20](m)
    else:
        sort_network[W, S, 12, COMPARATORS_12, NETWORK_12](m)


@always_inline
def retirement[W: Int, S: Int, STORED: Bool](m: UP, c: Int) -> SIMD[DType.int32, W]:
    """Lap of car c's retirement, counted from the state."""
    comptime if STORED:
        return geti[W, S](m, M_RETIRE + c)
    else:
        return (geti[W, S](m, M_INFO + c) >> RETIRE_AT) & 255


struct Track[W: Int]:
    """What race control and the sky have done so far, per lane."""

    comptime F = SIMD[DType.float32, Self.W]
    comptime I = SIMD[DType.int32, Self.W]
    comptime B = SIMD[DType.bool, Self.W]
    var kind: Self.I
    var left: Self.I
    var raining: Self.B
    var wetness: Self.F
    var racing: Self.I
    var restart: Self.B
    var words: Array[SIMD[DType.uint32, Self.W], 4]

    @always_inline
    def __init__(out self, f: FP, i: IP, seed: UInt32, sim: SIMD[DType.uint32, Self.W]):
        comptime U = SIMD[DType.uint32, Self.W]
        var kind = i[unsafe_offset=I_KIND0]
        self.words = philox[Self.W](sim, UInt32(TRACK), 0, 0xFFFF, seed)
        self.kind = Self.I(kind)
        self.left = Self.I(0)
        if kind == SC or kind == VSC:
            var lasted = f[unsafe_offset = F_SC_LEN0 if kind == SC else F_VSC_LEN0]
            var u = fma(uniform16[Self.W](self.words[0] & 0xFFFF), Self.F(Float32(1.0) - lasted), Self.F(lasted))
            self.left = Self.length(f, F_SC_CDF if kind == SC else F_VSC_CDF, u)
            self.left = max(self.left - i[unsafe_offset=I_KIND0_LAPS], Self.I(0))
        self.raining = uniform16[Self.W](self.words[1] >> 16).lt(f[unsafe_offset=F_WETNESS])
        self.wetness = Self.F(f[unsafe_offset=F_WETNESS])
        self.racing = Self.I(i[unsafe_offset=I_DRS])
        self.restart = Self.B(fill=i[unsafe_offset=I_LAP0] == 0 or kind == RED)

    @staticmethod
    @always_inline
    def length(f: FP, at: Int, u: Self.F) -> Self.I:
        var laps = Self.I(1)
        for j in range(10):
            laps += u.ge(f[unsafe_offset = at + j]).select(Self.I(1), Self.I(0))
        return laps

    @always_inline
    def step[S: Int, STORED: Bool](mut self, f: FP, i: IP, m: UP, seed: UInt32, sim: SIMD[DType.uint32, Self.W], lap: Int) -> Self.I:
        """Go on one lap; returns its status word."""
        if lap % 2 == 0:
            self.words = philox[Self.W](sim, UInt32(TRACK), 0, UInt32(lap // 2), seed)
        var trigger = self.words[0] if lap % 2 == 0 else self.words[2]
        var weather = self.words[1] if lap % 2 == 0 else self.words[3]
        var flags = self.restart.select(Self.I(STANDING_START), Self.I(0))
        var on = self.left.gt(0)
        if Int32(lap) == i[unsafe_offset=I_FORCE_LAP]:
            on = Self.B(fill=False)
        self.left = on.select(self.left - 1, self.left)
        flags = (on & self.kind.eq(SC) & self.left.eq(0)).select(flags | LAST_LAP_OF_SC, flags)
        var out = Self.I(0)
        for c in range(Int(i[unsafe_offset=I_N])):
            if i[unsafe_offset = I_ALIVE + c] != 0:
                out += retirement[Self.W, S, STORED](m, c).eq(Int32(lap)).select(Self.I(1), Self.I(0))
        var count = out.cast[DType.float32]()
        var first = lap == 0
        var sc = fma(count, Self.F(f[unsafe_offset=F_SC16_RET]), Self.F(f[unsafe_offset = F_SC16_1 if first else F_SC16]))
        var vsc = sc + fma(
            count, Self.F(f[unsafe_offset=F_VSC16_RET]), Self.F(f[unsafe_offset = F_VSC16_1 if first else F_VSC16])
        )
        var red = vsc + fma(
            count, Self.F(f[unsafe_offset=F_RED16_RET]), Self.F(f[unsafe_offset = F_RED16_1 if first else F_RED16])
        )
        var u = (trigger >> 16).cast[DType.int32]().cast[DType.float32]()
        var kind = u.lt(sc).select(
            Self.I(SC), u.lt(vsc).select(Self.I(VSC), u.lt(red).select(Self.I(RED), Self.I(GREEN)))
        )
        if Int32(lap) == i[unsafe_offset=I_FORCE_LAP]:
            kind = Self.I(i[unsafe_offset=I_FORCE_KIND])
        var is_sc = kind.eq(SC) & ~on
        var is_vsc = kind.eq(VSC) & ~on
        if (is_sc | is_vsc).reduce_or():
            var l16 = uniform16[Self.W](trigger & 0xFFFF)
            self.left = is_sc.select(Self.length(f, F_SC_CDF, l16), self.left)
            self.left = is_vsc.select(Self.length(f, F_VSC_CDF, l16), self.left)
        var code = on.select(
            self.kind, is_sc.select(Self.I(SC_DEPLOYED), is_vsc.select(Self.I(VSC_DEPLOYED), kind))
        )
        self.kind = on.select(self.kind, kind)
        self.restart = kind.eq(RED) & ~on
        if i[unsafe_offset=I_RAIN] != 0:
            var r = uniform24[Self.W](weather)
            self.raining = (self.raining & r.ge(f[unsafe_offset=F_RAIN_STOP])) | (
                ~self.raining & r.lt(f[unsafe_offset=F_RAIN_START])
            )
            self.wetness = self.raining.select(
                min(self.wetness + f[unsafe_offset=F_RAIN_GAIN], Self.F(1.0)),
                max(self.wetness - f[unsafe_offset=F_RAIN_DRY], Self.F(0.0)),
            )
            if Int32(lap) >= i[unsafe_offset=I_RAIN_LAP]:
                self.wetness = max(self.wetness, Self.F(f[unsafe_offset=F_RAIN_MIN]))
        self.racing = (code.eq(GREEN) & flags.eq(0)).select(self.racing + 1, Self.I(0))
        var drs = self.racing.gt(2) & self.wetness.lt(f[unsafe_offset=F_CROSS_SI])
        return code | drs.select(flags | DRS, flags)


@always_inline
def draw_cars[
    W: Int, S: Int, K: Int, STORED: Bool
](f: FP, i: IP, m: UP, fixed: UP, seed: UInt32, sim: SIMD[DType.uint32, W]):
    """Pace, wear and retirement of every car; with STORED also what decides its stops."""
    comptime F = SIMD[DType.float32, W]
    comptime I = SIMD[DType.int32, W]
    var n = Int(i[unsafe_offset=I_N])
    for g in range((n + 3) // 4):
        var w = philox[W](sim, UInt32(PACE), UInt32(4 * g), 0, seed)
        var v = philox[W](sim, UInt32(RETIRE), UInt32(4 * g), 0, seed)
        comptime for j in range(4):
            var c = 4 * g + j
            var base = fma(
                F(f[unsafe_offset = F_PACE_SD + c]), normal[W](w[j]), F(f[unsafe_offset = F_BASE + c])
            )
            putf[W, K](fixed, M_BASE + c, base)
            var wear = fma(
                F(f[unsafe_offset = F_WEAR_SD + c]), normal[W](w[j] << 16), F(f[unsafe_offset = F_WEAR_MEAN + c])
            )
            putf[W, K](fixed, M_FACTOR + c, max(wear, F(0.25)))
            var u = uniform24[W](v[j])
            var beyond = fma(-log2f[W](u), F(0.6931472), F(-f[unsafe_offset = F_RET_H1 + c]))
            var later = min(max(beyond, F(0.0)) * f[unsafe_offset = F_RET_INV + c], F(1e6)).cast[DType.int32]()
            var lap = beyond.ge(0.0).select(later + 1, I(0))
            comptime if STORED:
                puti[W, S](m, M_RETIRE + c, lap)
            else:
                puti[W, S](m, M_INFO + c, min(lap, I(255)) << RETIRE_AT)
    comptime if STORED:
        for c in range(n):
            comptime for h in range(2):
                var w = philox[W](sim, UInt32(STOP), UInt32(c), UInt32(h), seed)
                comptime for j in range(4):
                    putu[W, S](m, M_STOPS + 8 * c + 4 * h + j, w[j])


@always_inline
def draw_lap[
    W: Int, S: Int
](f: FP, i: IP, m: UP, seed: UInt32, sim: SIMD[DType.uint32, W], lap: Int, word: SIMD[DType.int32, W]):
    """Noise of every car in this lap, and the pace difference its pass would need; into this lap's slots."""
    comptime F = SIMD[DType.float32, W]
    comptime I = SIMD[DType.int32, W]
    var n = Int(i[unsafe_offset=I_N])
    var b = F(f[unsafe_offset=F_PASS_B])
    var a = (word & DRS).ne(0).select(
        F(f[unsafe_offset=F_PASS_A] + f[unsafe_offset=F_PASS_DRS]), F(f[unsafe_offset=F_PASS_A])
    )
    var free = (word & STANDING_START).ne(0)
    var closed = (word & 7).ne(GREEN) & ~free
    for g in range((n + 3) // 4):
        var w = philox[W](sim, UInt32(LAP), UInt32(4 * g), UInt32(lap), seed)
        comptime for j in range(4):
            var slot = lap * SLOTS + 4 * g + j
            putf[W, S](m, M_NOISE + slot, normal[W](w[j]))
            puti[W, S](m, M_NEED + slot, pass_need[W](w[j], a, b, free, closed))


@always_inline
def pass_need[
    W: Int
](
    word: SIMD[DType.uint32, W],
    a: SIMD[DType.float32, W],
    b: SIMD[DType.float32, W],
    free: SIMD[DType.bool, W],
    closed: SIMD[DType.bool, W],
) -> SIMD[DType.int32, W]:
    """Pace difference a pass needs, in 1/128 s above -8 s, from the lower 16 bits of the word."""
    comptime F = SIMD[DType.float32, W]
    comptime I = SIMD[DType.int32, W]
    var q = min(max(fma(odds[W](word & 0xFFFF), b, a), F(0.0)), F(2047.0)).cast[DType.int32]()
    return free.select(I(0), closed.select(I(2047), q))


@always_inline
def stop_words[
    W: Int, S: Int, STORED: Bool
](m: UP, seed: UInt32, sim: SIMD[DType.uint32, W], c: Int, stint: SIMD[DType.int32, W], which: Int) -> SIMD[DType.uint32, W]:
    """Word `which` (0: hazard and stationary time, 1: choice) of a car's stop number `stint`."""
    comptime if STORED:
        # Four loads and three blends cost less than a gather.
        var v = getu[W, S](m, M_STOPS + 8 * c + which)
        comptime for s in range(1, 4):
            v = (stint & 3).eq(Int32(s)).select(getu[W, S](m, M_STOPS + 8 * c + 2 * s + which), v)
        return v
    else:
        var k = (stint & 3) * 2 + Int32(which)
        var w = philox[W](sim, UInt32(STOP), UInt32(c), (k >> 2).cast[DType.uint32]()[0], seed)
        var low = (k & 3).lt(2).select(
            (k & 1).eq(0).select(w[0], w[1]), (k & 1).eq(0).select(w[2], w[3])
        )
        return low


@always_inline
def still_owed[
    W: Int
](i: IP, used: SIMD[DType.int32, W], made: SIMD[DType.int32, W]) -> SIMD[DType.int32, W]:
    """How many more stops the rules ask for."""
    comptime I = SIMD[DType.int32, W]
    var slicks = used & 7
    var one = I(0)
    if i[unsafe_offset=I_TWO] != 0:
        one = (slicks & (slicks - 1)).eq(0).select(I(1), I(0))
    var owed = min(max(I(i[unsafe_offset=I_MIN_STOPS]) - made, one), I(3))
    return ((used & 24).ne(0) | used.eq(0)).select(I(0), owed)


@always_inline
def choose[
    W: Int
](
    f: FP,
    i: IP,
    c: Int,
    wetness: SIMD[DType.float32, W],
    to_go: Int,
    used: SIMD[DType.int32, W],
    owed: SIMD[DType.int32, W],
    word: SIMD[DType.uint32, W],
) -> SIMD[DType.int32, W]:
    """The compound a car that decides for itself fits with to_go laps left."""
    comptime F = SIMD[DType.float32, W]
    comptime I = SIMD[DType.int32, W]
    var u = uniform16[W](word >> 16)
    var target = F(Float32(to_go)) * fma(F(f[unsafe_offset=F_SPREAD]), u + u - F(1.0), F(1.0))
    var split = owed.gt(1) | target.gt(Float32(1.35) * f[unsafe_offset = F_LIFE + 2])
    target = split.select(target * F(0.5), target)
    var pick = target.le(f[unsafe_offset=F_LIFE]).select(
        I(0), target.le(f[unsafe_offset = F_LIFE + 1]).select(I(1), I(2))
    )
    var allowed = I(i[unsafe_offset = I_AVAIL + c] & 7)
    var slicks = used & 7
    if i[unsafe_offset=I_TWO] != 0:
        var must = (used & 24).eq(0) & (slicks & (slicks - 1)).eq(0) & (allowed & ~slicks).ne(0)
        allowed = must.select(allowed & ~slicks, allowed)
    allowed = allowed.eq(0).select(I(7), allowed)
    comptime for _ in range(2):
        var next = pick.eq(2).select(I(0), pick + 1)
        pick = ((allowed >> pick) & 1).eq(0).select(next, pick)
    var iw = wetness.ge(f[unsafe_offset=F_CROSS_IW])
    var si = wetness.ge(f[unsafe_offset=F_CROSS_SI])
    return iw.select(I(4), si.select(I(3), pick))


@always_inline
def refit[
    W: Int, S: Int, STORED: Bool
](
    f: FP,
    i: IP,
    row: IP,
    m: UP,
    seed: UInt32,
    sim: SIMD[DType.uint32, W],
    c: Int,
    who: SIMD[DType.bool, W],
    by_plan: SIMD[DType.bool, W],
    wetness: SIMD[DType.float32, W],
    to_go: Int,
):
    """New tyres for car c in the lanes `who`: by its plan where `by_plan`, else as it chooses."""
    comptime F = SIMD[DType.float32, W]
    comptime I = SIMD[DType.int32, W]
    var info = geti[W, S](m, M_INFO + c)
    var used = (info >> USED_AT) & 31
    var owed = (info >> OWED_AT) & 3
    var stint = (info >> STINT_AT) & 15
    var made = min(((info >> MADE_AT) & 7) + 1, I(7))
    var next = (info >> NEXT_AT) & 7
    var word: SIMD[DType.uint32, W]
    var later: SIMD[DType.uint32, W]
    comptime if STORED:
        word = stop_words[W, S, True](m, seed, sim, c, stint, 1)
        later = stop_words[W, S, True](m, seed, sim, c, stint + 1, 0)
    else:
        # An even stop's draw holds the words of the next one too.
        var half = ((stint >> 1) & 1).cast[DType.uint32]()
        var w = philox[W](sim, UInt32(STOP), UInt32(c), half[0], seed)
        var odd = (stint & 1).ne(0)
        word = odd.select(w[3], w[1])
        later = w[2]
        if odd.reduce_or():
            later = philox[W](sim, UInt32(STOP), UInt32(c), half[0] ^ 1, seed)[0]
    var fresh = choose[W](f, i, c, wetness, to_go, used, owed, word)
    var age = table[W, 5](f, F_SETAGE + 5 * c, fresh)
    if by_plan.reduce_or():
        var planned = I(0)
        var planned_age = I(0)
        comptime for s in range(4):
            var here = next.eq(Int32(s))
            planned = here.select(I(row[unsafe_offset = PLAN_COMPOUND + s]), planned)
            planned_age = here.select(I(row[unsafe_offset = PLAN_AGE + s]), planned_age)
        var wet = planned.lt(3) & wetness.ge(f[unsafe_offset=F_CROSS_SI])
        planned = wet.select(wetness.ge(f[unsafe_offset=F_CROSS_IW]).select(I(4), I(3)), planned)
        var set_age = wet.select(
            table[W, 5](f, F_SETAGE + 5 * c, planned), planned_age.cast[DType.float32]() * F(1.0 / 16.0)
        )
        fresh = by_plan.select(planned, fresh)
        age = by_plan.select(set_age, age)
        next = by_plan.select(next + 1, next)
    used = used | (I(1) << fresh)
    stint = stint + 1
    var changed = (
        fresh
        | (used << USED_AT)
        | (still_owed[W](i, used, made) << OWED_AT)
        | ((stint & 15) << STINT_AT)
        | (made << MADE_AT)
        | (next << NEXT_AT)
        | (info & RETIRE_BITS)
    )
    puti[W, S](m, M_INFO + c, who.select(changed, info))
    putf[W, S](m, M_AGE + c, who.select(age, getf[W, S](m, M_AGE + c)))
    var hazard = exponential16[W](later >> 16)
    putf[W, S](m, M_HAZARD + c, who.select(hazard, getf[W, S](m, M_HAZARD + c)))
    comptime if STORED:
        put_curve[W, S](f, m, c, fresh, who)


@always_inline
def put_curve[
    W: Int, S: Int
](f: FP, m: UP, c: Int, compound: SIMD[DType.int32, W], who: SIMD[DType.bool, W]):
    """Keep the curve of a set just fitted."""
    var wear = getf[W, S](m, M_FACTOR + c)
    putf[W, S](m, M_OFF + c, who.select(table[W, 5](f, F_OFFSET, compound), getf[W, S](m, M_OFF + c)))
    putf[W, S](m, M_K1 + c, who.select(table[W, 5](f, F_WEAR, compound) * wear, getf[W, S](m, M_K1 + c)))
    putf[W, S](m, M_K2 + c, who.select(table[W, 5](f, F_CLIFF, compound) * wear, getf[W, S](m, M_K2 + c)))
    putf[W, S](m, M_CLIFF + c, who.select(table[W, 5](f, F_CLIFF_AGE, compound), getf[W, S](m, M_CLIFF + c)))
    putf[W, S](m, M_INVLIFE + c, who.select(table[W, 5](f, F_INVLIFE, compound) * wear, getf[W, S](m, M_INVLIFE + c)))


struct Notes[W: Int]:
    """What a race remembers from one lap to the next beside its cars: bit c of a mask is car c."""

    comptime U = SIMD[DType.uint32, Self.W]
    comptime B = SIMD[DType.bool, Self.W]
    var pulled: Self.B
    var weather: Bool
    var pitted: Self.U
    var held: Self.U
    var undercut: Self.U
    var cover: Self.U
    var room: Self.U

    @always_inline
    def __init__(out self, i: IP):
        self.pulled = Self.B(fill=False)
        # Until the first drop every car is on slicks, and the weather's terms are zero.
        self.weather = i[unsafe_offset=I_WETS] != 0
        self.pitted = Self.U(0)
        self.held = Self.U(0)
        self.undercut = Self.U(0)
        self.cover = Self.U(0)
        self.room = Self.U(0)


@always_inline
def put_aside[W: Int, S: Int](m: UP, notes: Notes[W], depth: Int):
    """Keep a copy of the race as it stands."""
    var at = M_SAVED + depth * SAVED
    for k in range(MOVING):
        putu[W, S](m, at + k, getu[W, S](m, M_KEY + k))
        putu[W, S](m, at + MOVING + k, getu[W, S](m, M_OFF + k))
    at += 2 * MOVING
    comptime U = SIMD[DType.uint32, W]
    putu[W, S](m, at, notes.pulled.select(U(1), U(0)))
    putu[W, S](m, at + 1, U(1 if notes.weather else 0))
    putu[W, S](m, at + 2, notes.pitted)
    putu[W, S](m, at + 3, notes.held)
    putu[W, S](m, at + 4, notes.undercut)
    putu[W, S](m, at + 5, notes.cover)
    putu[W, S](m, at + 6, notes.room)


@always_inline
def take_up[W: Int, S: Int](m: UP, mut notes: Notes[W], depth: Int):
    """Go back to the race as it was put aside."""
    var at = M_SAVED + depth * SAVED
    for k in range(MOVING):
        putu[W, S](m, M_KEY + k, getu[W, S](m, at + k))
        putu[W, S](m, M_OFF + k, getu[W, S](m, at + MOVING + k))
    at += 2 * MOVING
    notes.pulled = getu[W, S](m, at).ne(0)
    notes.weather = getu[W, S](m, at + 1)[0] != 0
    notes.pitted = getu[W, S](m, at + 2)
    notes.held = getu[W, S](m, at + 3)
    notes.undercut = getu[W, S](m, at + 4)
    notes.cover = getu[W, S](m, at + 5)
    notes.room = getu[W, S](m, at + 6)


@always_inline
def setup[W: Int, S: Int, STORED: Bool](f: FP, i: IP, m: UP, seed: UInt32, sim: SIMD[DType.uint32, W]):
    """Put the cars where the state has them."""
    comptime F = SIMD[DType.float32, W]
    comptime I = SIMD[DType.int32, W]
    comptime U = SIMD[DType.uint32, W]
    comptime B = SIMD[DType.bool, W]
    var n = Int(i[unsafe_offset=I_N])
    for c in range(n, SLOTS):
        putu[W, S](m, M_KEY + c, U(0xFFFFFFFF))
    for c in range(n):
        var compound = I(i[unsafe_offset = I_COMPOUND + c])
        var info = (
            i[unsafe_offset = I_COMPOUND + c]
            | (i[unsafe_offset = I_USED + c] << USED_AT)
            | (i[unsafe_offset = I_OWED + c] << OWED_AT)
            | (min(i[unsafe_offset = I_STOPS + c], 7) << MADE_AT)
        )
        comptime if STORED:
            puti[W, S](m, M_INFO + c, I(info))
        else:
            puti[W, S](m, M_INFO + c, (geti[W, S](m, M_INFO + c) & RETIRE_BITS) | info)
        putf[W, S](m, M_AGE + c, F(f[unsafe_offset = F_AGE0 + c]))
        var word = stop_words[W, S, STORED](m, seed, sim, c, I(0), 0)
        putf[W, S](m, M_HAZARD + c, exponential16[W](word >> 16))
        comptime if STORED:
            put_curve[W, S](f, m, c, compound, B(fill=True))
        var key = UInt32(i[unsafe_offset = I_TIME + c]) << 5
        if i[unsafe_offset = I_ALIVE + c] == 0:
            key = UInt32(RETIRED) | (UInt32(1023 - i[unsafe_offset = I_DONE + c]) << 5)
        putu[W, S](m, M_KEY + c, U(key | UInt32(c)))
    sort[W, S](m, n)


@always_inline
def race[
    W: Int, S: Int, K: Int
](f: FP, i: IP, plan: IP, m: UP, fixed: UP, seed: UInt32, sim: SIMD[DType.uint32, W]):
    """Run W races from start to flag, drawn as they go."""
    draw_cars[W, S, K, False](f, i, m, fixed, seed, sim)
    var track = Track[W](f, i, seed, sim)
    var notes = Notes[W](i)
    setup[W, S, False](f, i, m, seed, sim)
    drive[W, S, K, False](f, i, plan, m, fixed, seed, sim, track, notes, 0, Int(i[unsafe_offset=I_LAPS]))
    finish[W, S](i, m)


@always_inline
def drive[
    W: Int, S: Int, K: Int, STORED: Bool
](
    f: FP,
    i: IP,
    plan: IP,
    m: UP,
    fixed: UP,
    seed: UInt32,
    sim: SIMD[DType.uint32, W],
    mut track: Track[W],
    mut notes: Notes[W],
    begin: Int,
    end: Int,
):
    """Go on from lap `begin` to before lap `end` (laps from the state, from 0), our car under `plan`."""
    comptime F = SIMD[DType.float32, W]
    comptime I = SIMD[DType.int32, W]
    comptime U = SIMD[DType.uint32, W]
    comptime B = SIMD[DType.bool, W]
    var n = Int(i[unsafe_offset=I_N])
    var own = Int(i[unsafe_offset=I_OWN])
    var lap0 = Int(i[unsafe_offset=I_LAP0])
    var total = Int(i[unsafe_offset=I_TOTAL])
    var in_race = UInt32(0)
    for c in range(n):
        if i[unsafe_offset = I_ALIVE + c] != 0:
            in_race |= UInt32(1) << UInt32(c)
    var pulled = notes.pulled
    var weather = notes.weather
    var pitted = notes.pitted
    var held = notes.held
    var undercut = notes.undercut
    var cover = notes.cover
    var room = notes.room
    for lap in range(begin, end):
        var word: I
        var wetness: F
        comptime if STORED:
            word = geti[W, S](m, M_STATUS + lap)
            wetness = getf[W, S](m, M_WET + lap)
        else:
            word = track.step[S, False](f, i, m, seed, sim, lap)
            wetness = track.wetness
        var code = word & 7
        var driven = Int32(lap0 + lap + 1)
        var to_go = total - lap0 - lap - 1
        var red = code.eq(RED)
        if lap == 0 and i[unsafe_offset=I_KIND0] == RED:
            red = B(fill=True)
        var damp = wetness.gt(0.0).reduce_or()
        weather = weather or damp
        # Who stops.
        var stopping = U(0)
        var is_due = U(0)
        if to_go > 0:
            var neutral = code.ne(GREEN) & code.ne(RED)
            var stop_status = table[W, 6](f, F_STOP_STATUS, code)
            var slope = F(f[unsafe_offset=F_STOP_AGE])
            var overdue = F(f[unsafe_offset=F_STOP_OVERDUE])
            var late = F(f[unsafe_offset = F_LATE + lap])
            var pressed = F(f[unsafe_offset = F_OWED + lap])
            var b_undercut = F(f[unsafe_offset=F_STOP_UNDERCUT])
            var b_traffic = F(f[unsafe_offset=F_STOP_TRAFFIC])
            var b_free = F(f[unsafe_offset=F_STOP_FREE])
            var b_weather = F(f[unsafe_offset=F_STOP_WEATHER])
            for g in range((n + GROUP - 1) // GROUP):
                comptime for j in range(GROUP):
                    var c = GROUP * g + j
                    var bit = U(UInt32(1) << UInt32(c))
                    var there = retirement[W, S, STORED](m, c).ge(Int32(lap))
                    var hazard = getf[W, S](m, M_HAZARD + c)
                    var info = geti[W, S](m, M_INFO + c)
                    var age = getf[W, S](m, M_AGE + c)
                    var inv_life: F
                    comptime if STORED:
                        inv_life = getf[W, S](m, M_INVLIFE + c)
                    else:
                        inv_life = table[W, 5](f, F_INVLIFE, info & 7) * getf[W, K](fixed, M_FACTOR + c)
                    var x = age * inv_life
                    var eta = fma(x, slope, F(f[unsafe_offset = F_STOP0 + c]))
                    eta = fma(max(fma(age, inv_life, F(-1.0)), F(0.0)), overdue, eta)
                    eta = eta + (info & OWED_BITS).ne(0).select(pressed, late)
                    eta = fma(min(x * F(2.0), F(1.0)), stop_status, eta)
                    eta = eta + (undercut & bit).ne(0).select(b_undercut, F(0.0))
                    eta = eta + (cover & bit).ne(0).select(F(f[unsafe_offset = F_COVER + c]), F(0.0))
                    eta = eta + (held & bit).ne(0).select(b_traffic, F(0.0))
                    eta = eta + (room & bit).ne(0).select(b_free, F(0.0))
                    eta = min(max(eta, F(-40.0)), F(8.0))
                    var rest = hazard - exp2f[W](eta)
                    if c == own or i[unsafe_offset = I_PLANNED + c] != 0:
                        # It follows its plan; only the weather can call it in.
                        rest = hazard
                    if weather:
                        rest = wrong_tyre[W](f, info & 7, wetness).select(rest - b_weather, rest)
                    putf[W, S](m, M_HAZARD + c, rest)
                    stopping = stopping | (there & rest.le(0.0)).select(bit, U(0))
            stopping = stopping & in_race
            if to_go <= 3:
                for c in range(n):
                    var owed = (geti[W, S](m, M_INFO + c) >> OWED_AT) & 3
                    var last_chance = owed.gt(0) & owed.ge(Int32(to_go)) & retirement[W, S, STORED](m, c).ge(Int32(lap))
                    stopping = stopping | (last_chance.select(U(UInt32(1) << UInt32(c)), U(0)) & in_race)
            for c in range(n):
                var bit = U(UInt32(1) << UInt32(c))
                if (in_race >> UInt32(c)) & 1 != 0 and (c == own or i[unsafe_offset = I_PLANNED + c] != 0):
                    var row = plan if c == own else i.unsafe_offset(I_PLANS + c * PLAN)
                    var there = retirement[W, S, STORED](m, c).ge(Int32(lap))
                    var info = geti[W, S](m, M_INFO + c)
                    var next = (info >> NEXT_AT) & 7
                    var due = B(fill=False)
                    for s in range(Int(row[unsafe_offset=0])):
                        if row[unsafe_offset = PLAN_LAP + s] <= driven:
                            due = due | next.eq(Int32(s))
                    if c == own:
                        if row[unsafe_offset=PLAN_FROM] <= driven and driven <= row[unsafe_offset=PLAN_TO]:
                            var pull = neutral & ~pulled & next.lt(row[unsafe_offset=0]) & there
                            due = due | pull
                            pulled = pulled | pull
                    var called = due
                    if weather:
                        var wrong = wrong_tyre[W](f, info & 7, wetness)
                        called = due | (wrong & getf[W, S](m, M_HAZARD + c).le(0.0))
                    is_due = is_due | due.select(bit, U(0))
                    stopping = (stopping & ~bit) | (there & called).select(bit, U(0))
        if to_go > 0 and red.reduce_or():
            # Everyone changes tyres for nothing; what was to be a stop now is that change.
            stopping = red.select(U(0), stopping)
            for c in range(n):
                if i[unsafe_offset = I_ALIVE + c] == 0:
                    continue
                var who = red & retirement[W, S, STORED](m, c).ge(Int32(lap))
                var row = plan if c == own else i.unsafe_offset(I_PLANS + c * PLAN)
                var by_plan = B(fill=False)
                if c == own or i[unsafe_offset = I_PLANNED + c] != 0:
                    by_plan = ((geti[W, S](m, M_INFO + c) >> NEXT_AT) & 7).lt(row[unsafe_offset=0])
                refit[W, S, STORED](f, i, row, m, seed, sim, c, who, by_plan, wetness, to_go)
        var anyone = stopping.reduce_or()
        var others = F(0.0)
        if anyone != 0:
            var coming = anyone
            while coming != 0:
                var c = Int(count_trailing_zeros(coming))
                coming &= coming - 1
                var stint = (geti[W, S](m, M_INFO + c) >> STINT_AT) & 15
                var e = -log2f[W](uniform16[W](stop_words[W, S, STORED](m, seed, sim, c, stint, 0) & 0xFFFF))
                var beyond = max(fma(e, F(0.6931472), F(-f[unsafe_offset=F_STAT_FROM])), F(0.0))
                var stationary = fma(e, F(f[unsafe_offset=F_STAT_BODY]), F(f[unsafe_offset=F_STAT]))
                stationary = fma(beyond, F(f[unsafe_offset=F_STAT_TAIL]), stationary)
                var extra = Float32(i[unsafe_offset = I_EXTRA + c]) * Float32(1.0 / 4096.0)
                var crew = Float32(i[unsafe_offset = I_CREW + c]) * Float32(1.0 / 4096.0)
                stationary = stationary + stint.eq(0).select(F(extra), F(crew))
                putf[W, S](m, M_LAP + c, stationary)
            # Team-mates share a box.
            coming = anyone
            while coming != 0:
                var c = Int(count_trailing_zeros(coming))
                coming &= coming - 1
                var mate = Int(i[unsafe_offset = I_MATE + c])
                if mate <= c or (anyone >> UInt32(mate)) & 1 == 0:
                    continue
                var both = ((stopping >> UInt32(c)) & (stopping >> UInt32(mate)) & 1).ne(0)
                if not both.reduce_or():
                    continue
                var tc = I(0)
                var tm = I(0)
                for p in range(n):
                    var k = getu[W, S](m, M_KEY + p)
                    var t = (k >> 5).cast[DType.int32]()
                    tc = (k & 31).eq(UInt32(c)).select(t, tc)
                    tm = (k & 31).eq(UInt32(mate)).select(t, tm)
                var c_waits = tc.gt(tm)
                var gap = max(tc - tm, tm - tc)
                var by_plan_c = c == own or i[unsafe_offset = I_PLANNED + c] != 0
                var by_plan_m = mate == own or i[unsafe_offset = I_PLANNED + mate] != 0
                var defer = B(fill=False)
                if not (by_plan_c and by_plan_m):
                    # The one behind comes later if it decides for itself, else the other.
                    var yields_c = (c_waits & B(fill=not by_plan_c)) | (~c_waits & B(fill=by_plan_m))
                    var oc = (geti[W, S](m, M_INFO + c) >> OWED_AT) & 3
                    var om = (geti[W, S](m, M_INFO + mate) >> OWED_AT) & 3
                    var owed = yields_c.select(oc, om)
                    var cannot = owed.gt(0) & owed.ge(Int32(to_go))
                    defer = both & code.eq(GREEN) & gap.lt(i[unsafe_offset=I_STACK]) & ~cannot
                    stopping = (defer & yields_c).select(stopping & ~(UInt32(1) << UInt32(c)), stopping)
                    stopping = (defer & ~yields_c).select(stopping & ~(UInt32(1) << UInt32(mate)), stopping)
                var sc = getf[W, S](m, M_LAP + c)
                var sm = getf[W, S](m, M_LAP + mate)
                var late = gap.cast[DType.float32]() * F(1.0 / 4096.0)
                var first = c_waits.select(sm, sc)
                var wait = max(first + f[unsafe_offset=F_STACK] - late, F(0.0))
                var stack = both & ~defer
                putf[W, S](m, M_LAP + c, (stack & c_waits).select(sc + wait, sc))
                putf[W, S](m, M_LAP + mate, (stack & ~c_waits).select(sm + wait, sm))
            anyone = stopping.reduce_or()
            others = (pop_count(stopping).cast[DType.int32]() - 1).cast[DType.float32]()
        # Everybody's lap, alone on the track.
        var standing = (word & STANDING_START).ne(0)
        var common = table[W, 6](f, F_LAPTIME + lap * CODES, code)
        var sd = table[W, 6](f, F_SD, code)
        var ageing = table[W, 6](f, F_AGE, code)
        if standing.reduce_or():
            common = standing.select(common + f[unsafe_offset=F_STANDING], common)
            sd = standing.select(F(f[unsafe_offset=F_START_SD]), sd)
        if damp:
            common = wetness.gt(0.0).select(fma(wetness, F(f[unsafe_offset=F_WET_TRACK]), common), common)
        var inter_loss = max(
            fma(wetness, F(f[unsafe_offset=F_INTER_SLOPE]), F(f[unsafe_offset=F_INTER_DRY])), F(0.0)
        )
        var cold = F(f[unsafe_offset=F_COLD])
        var gone = U(0)
        var pass_a = F(f[unsafe_offset=F_PASS_A])
        var pass_b = F(f[unsafe_offset=F_PASS_B])
        comptime if not STORED:
            pass_a = (word & DRS).ne(0).select(F(f[unsafe_offset=F_PASS_A] + f[unsafe_offset=F_PASS_DRS]), pass_a)
        var closed = code.ne(GREEN) & ~standing
        var draws = Array[U, 4](fill=U(0))
        for g in range((n + 3) // 4):
            comptime if not STORED:
                draws = philox[W](sim, UInt32(LAP), UInt32(4 * g), UInt32(lap), seed)
            for h in range(4 // GROUP):
                comptime for j in range(GROUP):
                    var c = 4 * g + GROUP * h + j
                    var z: F
                    var need: I
                    comptime if STORED:
                        z = getf[W, S](m, M_NOISE + lap * SLOTS + c)
                        need = geti[W, S](m, M_NEED + lap * SLOTS + c)
                    else:
                        var draw = draws[j]
                        comptime if GROUP != 4:
                            draw = draws[GROUP * h + j]
                        z = normal[W](draw)
                        need = pass_need[W](draw, pass_a, pass_b, standing, closed)
                    var bit = U(UInt32(1) << UInt32(c))
                    var info = geti[W, S](m, M_INFO + c)
                    var age = getf[W, S](m, M_AGE + c)
                    var off: F
                    var k1: F
                    var k2: F
                    var cliff: F
                    comptime if STORED:
                        off = getf[W, S](m, M_OFF + c)
                        k1 = getf[W, S](m, M_K1 + c)
                        k2 = getf[W, S](m, M_K2 + c)
                        cliff = getf[W, S](m, M_CLIFF + c)
                    else:
                        var wear = getf[W, K](fixed, M_FACTOR + c)
                        off = table[W, 5](f, F_OFFSET, info & 7)
                        k1 = table[W, 5](f, F_WEAR, info & 7) * wear
                        k2 = table[W, 5](f, F_CLIFF, info & 7) * wear
                        cliff = table[W, 5](f, F_CLIFF_AGE, info & 7)
                    var over = max(age - cliff, F(0.0))
                    var y = fma(age, k1, off)
                    y = fma(over * over, k2, y)
                    var t = getf[W, K](fixed, M_BASE + c) + y
                    t = t + common
                    t = fma(sd, z, t)
                    if weather:
                        var compound = info & 7
                        t = compound.lt(3).select(
                            fma(wetness, F(f[unsafe_offset=F_SLICK_WET]), t),
                            compound.eq(3).select(
                                t + inter_loss, fma(F(1.0) - wetness, F(f[unsafe_offset=F_WET_DRY]), t)
                            ),
                        )
                    t = (pitted & bit).ne(0).select(t + cold, t)
                    putf[W, S](m, M_AGE + c, age + ageing)
                    if (anyone >> UInt32(c)) & 1 != 0:
                        var pit = (stopping & bit).ne(0)
                        var loss = table[W, 6](f, F_PITLOSS, code)
                        var stationary = getf[W, S](m, M_LAP + c)
                        var slow = t + loss
                        slow = slow + fma(others, F(f[unsafe_offset=F_QUEUE]), stationary)
                        t = pit.select(slow, t)
                        # A stopping car needs no pass: its bits hold what the lane costs, in sixteenths of a second.
                        var lane_s = loss + fma(others, F(f[unsafe_offset=F_QUEUE]), stationary)
                        var sixteenths = (max(lane_s, F(0.0)) * F(16.0)).cast[DType.int32]()
                        need = pit.select(min(sixteenths, I(2047)), need)
                    var ticks = fma(min(max(t, F(1.0)), F(510.0)), F(4096.0), F(0.5)).cast[DType.int32]()
                    puti[W, S](m, M_LAP + c, (ticks << 11) | need)
                    gone = gone | retirement[W, S, STORED](m, c).eq(Int32(lap)).select(bit, U(0))
        # New tyres for those who came in.
        while anyone != 0:
            var c = Int(count_trailing_zeros(anyone))
            anyone &= anyone - 1
            var bit = U(UInt32(1) << UInt32(c))
            var row = plan if c == own else i.unsafe_offset(I_PLANS + c * PLAN)
            var pit = (stopping & bit).ne(0)
            refit[W, S, STORED](f, i, row, m, seed, sim, c, pit, pit & (is_due & bit).ne(0), wetness, to_go)
        # The order on the road.
        var green = code.eq(GREEN)
        var behind_sc = code.eq(SC)
        var any_sc = behind_sc.reduce_or()
        var red_lap = code.eq(RED)
        var follow = itable[W, 6](i, I_GAP, code)
        var free = I(i[unsafe_offset=I_FREE])
        var dirty_range = I(i[unsafe_offset=I_DIRTY_RANGE])
        var dirty_q = green.select(I(i[unsafe_offset=I_DIRTY_Q]), I(0))
        var cover_gap = I(i[unsafe_offset=I_COVER_GAP])
        var pit_gap = I(i[unsafe_offset=I_PIT_GAP])
        var floor = (getu[W, S](m, M_KEY) >> 5).cast[DType.int32]() + i[unsafe_offset = I_SC_FLOOR + lap]
        var reference = i[unsafe_offset = I_REF + lap]
        var previous = U(0)
        var before = I(-(1 << 25))
        var front = I(0)
        var front_lap = I(0)
        var out_key = U(UInt32(RETIRED) | (UInt32(1023 - lap0 - lap) << 5))
        held = U(0)
        undercut = U(0)
        cover = U(0)
        room = U(0)
        for g in range((n + GROUP - 1) // GROUP):
            # Several at a time, so that their memory is under way before the chain through `front` needs it.
            var k4 = Array[U, GROUP](fill=U(0))
            var lap4 = Array[U, GROUP](fill=U(0))
            comptime for j in range(GROUP):
                k4[j] = getu[W, S](m, M_KEY + GROUP * g + j)
            comptime for j in range(GROUP):
                lap4[j] = gather[W, S](m, (k4[j] & 31) + UInt32(M_LAP))
            comptime for j in range(GROUP):
                var k = k4[j]
                var c = k & 31
                var dead = bitcast[DType.int32, W](k).lt(0)
                var bit = U(1) << c
                var t = (k >> 5).cast[DType.int32]()
                var packed = lap4[j]
                var mine = (stopping & bit).ne(0)
                # What the lane costs comes after the lap on the road: a safety car does not swallow it, nor hold up who stays out.
                var low = (packed & 2047).cast[DType.int32]()
                var lane = mine.select(low << 8, I(0))
                var own_lap = (packed >> 11).cast[DType.int32]() - lane
                var need = (mine.select(I(2047), low) - 1024) << 5
                var gap = t - before
                var near = dirty_range - min(gap, dirty_range)
                var new = t + own_lap + ((near * dirty_q) >> 16)
                if any_sc:
                    var slowed = max(new, floor)
                    var lapped = (slowed - floor).gt(reference - (reference >> 3))
                    if i[unsafe_offset=I_UNLAP] == 0:
                        slowed = lapped.select(slowed + i[unsafe_offset = I_SLOW + lap], slowed)
                    else:
                        slowed = (lapped & (word & LAST_LAP_OF_SC).ne(0)).select(slowed - reference, slowed)
                    new = behind_sc.select(slowed, new)
                var is_free = (front - new).gt(free) & green
                var passes = (front_lap - own_lap).gt(need)
                var ahead = front + follow
                var blocked = (ahead.gt(new) & ~is_free & ~passes) | (red_lap & front.gt(0))
                blocked = blocked & ~dead
                new = blocked.select(ahead, new)
                held = blocked.select(held | bit, held)
                var near_by = gap.lt(cover_gap) & ~dead
                var theirs = (stopping & previous).ne(0)
                undercut = (near_by & theirs & ~mine).select(undercut | bit, undercut)
                cover = (near_by & mine & ~theirs).select(cover | previous, cover)
                room = (gap.gt(pit_gap) & ~dead).select(room | previous, room)
                var leaves = (gone & bit).ne(0)
                var leads = (is_free | new.gt(front)) & ~mine & (~leaves | red_lap) & ~dead
                front = leads.select(new, front)
                front_lap = leads.select(own_lap, front_lap)
                before = t
                previous = bit
                var key = (min(max(new + lane, I(0)), I(TIME_MAX)).cast[DType.uint32]() << 5) | c
                key = leaves.select(out_key | c, key)
                putu[W, S](m, M_KEY + GROUP * g + j, dead.select(k, key))
        sort[W, S](m, n)
        if standing.reduce_or():
            var start_gap = UInt32(i[unsafe_offset=I_START_GAP])
            var ahead = getu[W, S](m, M_KEY)
            for p in range(1, n):
                var k = getu[W, S](m, M_KEY + p)
                var least = (ahead >> 5) + start_gap
                var close = standing & (k >> 5).lt(least) & bitcast[DType.int32, W](k).ge(0)
                k = close.select((least << 5) | (k & 31), k)
                putu[W, S](m, M_KEY + p, k)
                ahead = k
        pitted = stopping
    notes.pulled = pulled
    notes.weather = weather
    notes.pitted = pitted
    notes.held = held
    notes.undercut = undercut
    notes.cover = cover
    notes.room = room


@always_inline
def finish[W: Int, S: Int](i: IP, m: UP):
    """The rules' last word: a car that owes a stop or a compound is classified last."""
    comptime U = SIMD[DType.uint32, W]
    var n = Int(i[unsafe_offset=I_N])
    var own = Int(i[unsafe_offset=I_OWN])
    if own >= 0:
        var owing = ((geti[W, S](m, M_INFO + own) >> OWED_AT) & 3).gt(0)
        if owing.reduce_or():
            for p in range(n):
                var k = getu[W, S](m, M_KEY + p)
                var out = owing & (k & 31).eq(UInt32(own)) & bitcast[DType.int32, W](k).ge(0)
                putu[W, S](m, M_KEY + p, out.select(U(UInt32(RETIRED) | (UInt32(1023) << 5) | UInt32(own)), k))
            sort[W, S](m, n)


@always_inline
def wrong_tyre[
    W: Int
](f: FP, compound: SIMD[DType.int32, W], wetness: SIMD[DType.float32, W]) -> SIMD[DType.bool, W]:
    """Whether a car is on the wrong kind of tyre for the track."""
    var slick = wetness.ge(f[unsafe_offset=F_CROSS_SI])
    var iw = wetness.ge(f[unsafe_offset=F_CROSS_IW])
    var dry = wetness.lt(f[unsafe_offset=F_CROSS_IS])
    var drier = wetness.lt(f[unsafe_offset=F_CROSS_WI])
    return (compound.lt(3) & slick) | (compound.eq(3) & (iw | dry)) | (compound.gt(3) & drier)
