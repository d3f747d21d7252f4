"""The race in plain NumPy: the oracle that the compiled backends are held to, and the baseline of the benchmark.

Written from ``kernels/README.md``, all races side by side along the first axis, cars along the second. Fused multiply-adds are
done in float64 and rounded once more to float32: the one place where it can differ from the compiled races, about once in 10^9
operations.
"""

import numpy as np

from racetwin.simulation.spec import layout as L

F32 = np.float32
LN2 = F32(0.6931472)
LOG2 = [F32(c) for c in (0.0612556674, -0.23033376, 0.443913221, -0.717392027, 1.44262600)]
EXP2 = [F32(c) for c in (0.0127891544, 0.0534020364, 0.240661636, 0.693133175, 1.0)]
NORMAL = [F32(c) for c in (1.95856755e-05, -0.000636264274, 0.00278192316, 0.240806744, 1.24494493)]
ODDS = [F32(c) for c in (6.46759727e-05, -0.00279061310, 0.0447378233, 0.680617571, 2.87277794)]
NEVER = 1 << 40


def fma(a, b, c):
    return (np.float64(a) * np.float64(b) + np.float64(c)).astype(F32)


def polynomial(coefficients, x):
    p = np.full(np.shape(x), coefficients[0], F32)
    for c in coefficients[1:]:
        p = fma(p, x, c)
    return p


def philox(sim, purpose, car, lap, seed, key=L.KEY):
    """Philox4x32-10 over an array of race numbers; counters and keys as the design says."""
    low = np.uint64(0xFFFFFFFF)
    x = [sim.astype(np.uint64)] + [np.full(sim.shape, v, np.uint64) for v in (purpose, car, lap)]
    k0, k1 = int(seed), key
    for _ in range(10):
        p0, p1 = x[0] * np.uint64(0xD2511F53), x[2] * np.uint64(0xCD9E8D57)
        x = [
            (p1 >> np.uint64(32)) ^ x[1] ^ np.uint64(k0),
            p1 & low,
            (p0 >> np.uint64(32)) ^ x[3] ^ np.uint64(k1),
            p0 & low,
        ]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return [v.astype(np.int64) for v in x]


def log2(x):
    b = x.astype(F32).view(np.int32)
    t = ((b & 0x7FFFFF) | 0x3F800000).view(F32) - F32(1)
    return fma(polynomial(LOG2, t), t, ((b >> 23) - 127).astype(F32))


def exp2(x):
    k = np.floor(x)
    return polynomial(EXP2, x - k) * ((k.astype(np.int32) + 127) << 23).view(F32)


def odds(bits):
    """log2(u / (1 - u)) of u uniform in (0, 1)."""
    x = fma((bits - 32768).astype(F32), F32(1 / 32768), F32(1 / 65536))
    return polynomial(ODDS, -log2(fma(-x, x, F32(1)))) * x


def normal(bits):
    x = fma((bits - 32768).astype(F32), F32(1 / 32768), F32(1 / 65536))
    return polynomial(NORMAL, -log2(fma(-x, x, F32(1)))) * x


def uniform16(bits):
    return fma(bits.astype(F32), F32(1 / 65536), F32(1 / 131072))


def uniform24(word):
    return fma((word >> 8).astype(F32), F32(1 / 16777216), F32(1 / 33554432))


def by_car(sim, purpose, lap, seed, n):
    """One word per car: a call serves four."""
    words = [w for g in range(-(-n // 4)) for w in philox(sim, purpose, 4 * g, lap, seed)]
    return np.stack(words[:n], axis=1)


class Numbers:
    """The flat buffers, by name."""

    def __init__(self, packed):
        self.f, self.i = packed.f, packed.i

    def __getattr__(self, name):
        if name.startswith("F_"):
            return self.f[L.F_INDEX[name]]
        return int(self.i[L.I_INDEX[name]])

    def table(self, name, size):
        index, buffer = (L.F_INDEX, self.f) if name.startswith("F_") else (L.I_INDEX, self.i.astype(np.int64))
        return buffer[index[name] : index[name] + size]


def neutralisations(q, sim, seed, retire, alive):
    """Status word and wetness of every lap, (laps, R): nothing any car decides can change them."""
    laps = q.I_LAPS
    kind0 = q.I_KIND0
    w = philox(sim, L.TRACK, 0, 0xFFFF, seed)
    cdf = {L.SC: q.table("F_SC_CDF", 10), L.VSC: q.table("F_VSC_CDF", 10)}

    def length(which, u):
        return 1 + (u[:, None] >= cdf[which]).sum(axis=1)

    left = np.zeros(len(sim), np.int64)
    if kind0 in cdf:
        lasted = q.F_SC_LEN0 if kind0 == L.SC else q.F_VSC_LEN0
        left = np.maximum(length(kind0, fma(uniform16(w[0] & 0xFFFF), F32(1) - lasted, lasted)) - q.I_KIND0_LAPS, 0)
    raining = uniform16(w[1] >> 16) < q.F_WETNESS
    wetness = np.full(len(sim), q.F_WETNESS, F32)
    kind = np.full(len(sim), kind0)
    racing = np.full(len(sim), q.I_DRS)
    restart = np.full(len(sim), q.I_LAP0 == 0 or kind0 == L.RED)
    words, wet = [], []
    for lap in range(laps):
        if lap % 2 == 0:
            w = philox(sim, L.TRACK, 0, lap // 2, seed)
        trigger, weather = w[2 * (lap % 2)], w[2 * (lap % 2) + 1]
        flags = np.where(restart, L.STANDING_START, 0)
        on = (left > 0) & (lap != q.I_FORCE_LAP)
        left = np.where(on, left - 1, left)
        flags |= np.where(on & (kind == L.SC) & (left == 0), L.LAST_LAP_OF_SC, 0)
        out = ((retire == lap) & alive).sum(axis=1).astype(F32)
        first = "_1" if lap == 0 else ""
        thresholds, total = [], np.zeros(len(sim), F32)
        for name in ("SC16", "VSC16", "RED16"):
            total = total + fma(out, getattr(q, f"F_{name}_RET"), getattr(q, f"F_{name}{first}"))
            thresholds.append(total)
        u = (trigger >> 16).astype(F32)
        drawn = np.select([u < t for t in thresholds], [L.SC, L.VSC, L.RED], L.GREEN)
        if lap == q.I_FORCE_LAP:
            drawn[:] = q.I_FORCE_KIND
        for which in (L.SC, L.VSC):
            left = np.where(~on & (drawn == which), length(which, uniform16(trigger & 0xFFFF)), left)
        deployed = np.select([drawn == L.SC, drawn == L.VSC], [L.SC_DEPLOYED, L.VSC_DEPLOYED], drawn)
        code = np.where(on, kind, deployed)
        kind = np.where(on, kind, drawn)
        restart = ~on & (drawn == L.RED)
        if q.I_RAIN:
            u = uniform24(weather)
            raining = np.where(raining, u >= q.F_RAIN_STOP, u < q.F_RAIN_START)
            wetter, drier = np.minimum(wetness + q.F_RAIN_GAIN, F32(1)), np.maximum(wetness - q.F_RAIN_DRY, F32(0))
            wetness = np.where(raining, wetter, drier)
            if lap >= q.I_RAIN_LAP:
                wetness = np.maximum(wetness, q.F_RAIN_MIN)
        racing = np.where((code == L.GREEN) & (flags == 0), racing + 1, 0)
        flags |= np.where((racing > 2) & (wetness < q.F_CROSS_SI), L.DRS, 0)
        words.append(code | flags)
        wet.append(wetness)
    return np.array(words), np.array(wet)


class Cars:
    """What changes about the cars as they race; every array is (R, n)."""

    def __init__(self, q, sim, seed, n):
        self.q, self.n = q, n
        shape = (len(sim), n)

        def full(name, dtype):
            return np.broadcast_to(q.table(name, n), shape).astype(dtype).copy()

        word = by_car(sim, L.PACE, 0, seed, n)
        self.base = fma(q.table("F_PACE_SD", n), normal(word >> 16), q.table("F_BASE", n))
        wear = fma(q.table("F_WEAR_SD", n), normal(word & 0xFFFF), q.table("F_WEAR_MEAN", n))
        self.factor = np.maximum(wear, F32(0.25))
        u = uniform24(by_car(sim, L.RETIRE, 0, seed, n))
        beyond = fma(-log2(u), LN2, -q.table("F_RET_H1", n))
        later = np.minimum(np.maximum(beyond, F32(0)) * q.table("F_RET_INV", n), F32(1e6)).astype(np.int64)
        self.retire = np.where(beyond >= 0, later + 1, 0)
        calls = [np.stack(philox(sim, L.STOP, c, 0, seed) + philox(sim, L.STOP, c, 1, seed), 1) for c in range(n)]
        self.stop_words = np.stack(calls, axis=1)  # (R, n, 8)
        self.alive0 = np.broadcast_to(q.table("I_ALIVE", n) != 0, shape)
        self.compound, self.used = full("I_COMPOUND", np.int64), full("I_USED", np.int64)
        self.owed, self.made = full("I_OWED", np.int64), full("I_STOPS", np.int64)
        self.age = full("F_AGE0", F32)
        self.stint, self.next = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self.hazard = self.word(0, high=True, exponential=True)

    def word(self, which, high, exponential=False):
        w = np.take_along_axis(self.stop_words, (2 * (self.stint & 3) + which)[..., None], axis=2)[..., 0]
        bits = w >> 16 if high else w & 0xFFFF
        return -log2(uniform16(bits)) * LN2 if exponential else bits

    def tyre(self, name):
        return self.q.table(name, 5)[self.compound]

    def wrong_tyre(self, wetness):
        q, w = self.q, wetness[:, None]
        inter = (w >= q.F_CROSS_IW) | (w < q.F_CROSS_IS)
        return np.select([self.compound < 3, self.compound == 3], [w >= q.F_CROSS_SI, inter], w < q.F_CROSS_WI)

    def choose(self, wetness, to_go):
        q, w = self.q, wetness[:, None]
        u = uniform16(self.word(1, high=True))
        target = F32(to_go) * fma(q.F_SPREAD, u + u - F32(1), F32(1))
        life = q.table("F_LIFE", 5)
        target = np.where((self.owed > 1) | (target > F32(1.35) * life[2]), target * F32(0.5), target)
        pick = np.select([life[0] >= target, life[1] >= target], [0, 1], 2)
        have = np.broadcast_to(q.table("I_AVAIL", self.n) & 7, pick.shape)
        slicks = self.used & 7
        must = (q.I_TWO != 0) & ((self.used & 24) == 0) & ((slicks & (slicks - 1)) == 0) & ((have & ~slicks) != 0)
        allowed = np.where(must, have & ~slicks, have)
        allowed = np.where(allowed == 0, 7, allowed)
        for _ in range(2):
            pick = np.where((allowed >> pick) & 1 == 0, (pick + 1) % 3, pick)
        return np.where(w >= q.F_CROSS_IW, 4, np.where(w >= q.F_CROSS_SI, 3, pick))

    def refit(self, who, by_plan, rows, wetness, to_go):
        """New tyres for the cars in ``who``: by their plan where ``by_plan``, else as they choose."""
        q, n, w = self.q, self.n, wetness[:, None]
        car = np.arange(n)
        set_age = q.table("F_SETAGE", 5 * n).reshape(n, 5)
        chosen = self.choose(wetness, to_go)
        s = np.minimum(self.next, 3)
        planned = rows[car, L.PLAN_COMPOUND + s]
        planned_age = rows[car, L.PLAN_AGE + s].astype(F32) / F32(L.AGE_UNITS)
        wet = (planned < 3) & (w >= q.F_CROSS_SI)
        planned = np.where(wet, np.where(w >= q.F_CROSS_IW, 4, 3), planned)
        planned_age = np.where(wet, set_age[car, planned], planned_age)
        fresh = np.where(by_plan, planned, chosen)
        self.compound = np.where(who, fresh, self.compound)
        self.age = np.where(who, np.where(by_plan, planned_age, set_age[car, fresh]), self.age)
        self.next = np.where(who & by_plan, self.next + 1, self.next)
        self.used = np.where(who, self.used | (1 << fresh), self.used)
        self.made = np.where(who, self.made + 1, self.made)
        slicks = self.used & 7
        one = ((slicks & (slicks - 1)) == 0) & (q.I_TWO != 0)
        owed = np.clip(np.maximum(q.I_MIN_STOPS - self.made, one), None, 3)
        owed = np.where(((self.used & 24) != 0) | (self.used == 0), 0, owed)
        self.owed = np.where(who, owed, self.owed)
        self.stint = np.where(who, self.stint + 1, self.stint)
        self.hazard = np.where(who, self.word(0, high=True, exponential=True), self.hazard)


def race(packed, plan, first, n_races, seed=None):
    """Run races and return (R, n): the final sort keys, ascending, as int64."""
    q = Numbers(packed)
    n, own = packed.n, q.I_OWN
    seed = int(np.int32(q.I_SEED).view(np.uint32)) if seed is None else seed
    sim = np.arange(first, first + n_races).astype(np.uint32)
    cars = Cars(q, sim, seed, n)
    words, wet = neutralisations(q, sim, seed, cars.retire, cars.alive0)
    rows = q.table("I_PLANS", n * L.PLAN).reshape(n, L.PLAN).copy()
    planned = q.table("I_PLANNED", n) != 0
    if own >= 0:
        rows[own], planned[own] = plan, True
    time = np.broadcast_to(q.table("I_TIME", n), (n_races, n)).astype(np.int64).copy()
    out = np.where(cars.alive0, NEVER, q.table("I_DONE", n))  # laps completed by a car that is out
    masks = {name: np.zeros((n_races, n), bool) for name in ("pitted", "held", "undercut", "cover", "room")}
    pulled = np.zeros(n_races, bool)
    for lap in range(q.I_LAPS):
        running = out == NEVER
        stopping, due = decide(q, cars, masks, rows, planned, pulled, words[lap] & 7, wet[lap], lap, running)
        red = (words[lap] & 7 == L.RED) | (lap == 0 and q.I_KIND0 == L.RED)
        if q.I_TOTAL - q.I_LAP0 - lap - 1 > 0:
            stopping &= ~red[:, None]
            by_plan = planned & (cars.next < rows[:, 0])
            cars.refit(red[:, None] & running, by_plan, rows, wet[lap], q.I_TOTAL - q.I_LAP0 - lap - 1)
        ticks, lane, need, stopping = drive(
            q, cars, masks["pitted"], planned, rows, stopping, due, words[lap], wet[lap], lap, time, sim, seed
        )
        gone = (cars.retire == lap) & running
        time, masks = settle(q, words[lap], lap, time, running, gone, stopping, ticks, lane, need)
        out = np.where(gone, q.I_LAP0 + lap, out)
        standing = words[lap] & L.STANDING_START != 0
        if standing.any():
            time = spread(q, time, out, standing)
    if own >= 0:
        out[:, own] = np.where((out[:, own] == NEVER) & (cars.owed[:, own] > 0), 0, out[:, own])
    return np.sort(sort_key(time, out), axis=1)


def sort_key(time, out):
    car = np.arange(time.shape[1])
    return np.where(out == NEVER, time << 5, L.RETIRED | (1023 - out) << 5) | car


def decide(q, cars, masks, rows, planned, pulled, code, wetness, lap, running):
    """Who stops at the end of this lap, and for whom it is as planned."""
    n = cars.n
    to_go, driven = q.I_TOTAL - q.I_LAP0 - lap - 1, q.I_LAP0 + lap + 1
    none = np.zeros((len(code), n), bool)
    if to_go == 0:
        return none, none.copy()
    life = cars.tyre("F_INVLIFE") * cars.factor
    x = cars.age * life
    eta = fma(x, q.F_STOP_AGE, q.table("F_STOP0", n))
    eta = fma(np.maximum(fma(cars.age, life, F32(-1)), F32(0)), q.F_STOP_OVERDUE, eta)
    eta = eta + np.where(cars.owed > 0, q.table("F_OWED", L.LAPS)[lap], q.table("F_LATE", L.LAPS)[lap])
    eta = fma(np.minimum(x * F32(2), F32(1)), q.table("F_STOP_STATUS", 8)[code][:, None], eta)
    for name, weight in (
        ("undercut", q.F_STOP_UNDERCUT),
        ("cover", q.table("F_COVER", n)),
        ("held", q.F_STOP_TRAFFIC),
        ("room", q.F_STOP_FREE),
    ):
        eta = eta + np.where(masks[name], weight, F32(0))
    hazard = np.where(planned, cars.hazard, cars.hazard - exp2(np.clip(eta, F32(-40), F32(8))))
    wrong = cars.wrong_tyre(wetness)
    cars.hazard = np.where(running, np.where(wrong, hazard - q.F_STOP_WEATHER, hazard), cars.hazard)
    forced = (cars.owed > 0) & (to_go <= cars.owed)
    by_itself = (cars.hazard <= 0) | forced
    s = np.minimum(cars.next, 3)
    due = planned & (cars.next < rows[:, 0]) & (rows[np.arange(n), L.PLAN_LAP + s] <= driven)
    own = q.I_OWN
    if own >= 0 and rows[own, L.PLAN_FROM] <= driven <= rows[own, L.PLAN_TO]:
        neutral = (code != L.GREEN) & (code != L.RED)
        pull = neutral & ~pulled & (cars.next[:, own] < rows[own, 0]) & running[:, own]
        due[:, own] |= pull
        pulled |= pull
    by_plan = due | (wrong & (cars.hazard <= 0))
    return running & np.where(planned, by_plan, by_itself), due


def stationary_times(q, cars):
    e = -log2(uniform16(cars.word(0, high=False)))
    beyond = np.maximum(fma(e, LN2, -q.F_STAT_FROM), F32(0))
    s = fma(beyond, q.F_STAT_TAIL, fma(e, q.F_STAT_BODY, q.F_STAT))
    extra, crew = (q.table(name, cars.n).astype(F32) / F32(L.TICKS) for name in ("I_EXTRA", "I_CREW"))
    return s + np.where(cars.stint == 0, extra, crew)


def drive(q, cars, pitted, planned, rows, stopping, due, word, wetness, lap, time, sim, seed):
    """Everybody's lap alone on the track, in ticks; what of it the pit lane costs; the pace a pass needs; who really stops."""
    n, code = cars.n, word & 7
    to_go = q.I_TOTAL - q.I_LAP0 - lap - 1
    stationary = stationary_times(q, cars)
    mates = q.table("I_MATE", n)
    for c in range(n):
        m = mates[c]
        if m <= c:
            continue
        both = stopping[:, c] & stopping[:, m]
        c_waits = time[:, c] > time[:, m]
        gap = np.abs(time[:, c] - time[:, m])
        defer = both & (code == L.GREEN) & (gap < q.I_STACK) & (not (planned[c] and planned[m]))
        yields_c = np.where(c_waits, not planned[c], planned[m])
        owed = np.where(yields_c, cars.owed[:, c], cars.owed[:, m])
        defer &= ~((owed > 0) & (to_go <= owed))
        stopping[:, c] &= ~(defer & yields_c)
        stopping[:, m] &= ~(defer & ~yields_c)
        other = np.where(c_waits, stationary[:, m], stationary[:, c])
        wait = np.where(both & ~defer, np.maximum(other + q.F_STACK - gap.astype(F32) / F32(L.TICKS), F32(0)), F32(0))
        stationary[:, c] += np.where(c_waits, wait, F32(0))
        stationary[:, m] += np.where(c_waits, F32(0), wait)
    others = (stopping.sum(axis=1) - 1).astype(F32)[:, None]
    standing = word & L.STANDING_START != 0
    common = q.table("F_LAPTIME", L.LAPS * 8).reshape(-1, 8)[lap][code]
    common = np.where(standing, common + q.F_STANDING, common)
    common = np.where(wetness > 0, fma(wetness, q.F_WET_TRACK, common), common)[:, None]
    sd = np.where(standing, q.F_START_SD, q.table("F_SD", 8)[code])[:, None]
    over = np.maximum(cars.age - cars.tyre("F_CLIFF_AGE"), F32(0))
    y = fma(cars.age, cars.tyre("F_WEAR") * cars.factor, cars.tyre("F_OFFSET"))
    y = fma(over * over, cars.tyre("F_CLIFF") * cars.factor, y)
    draw = by_car(sim, L.LAP, lap, seed, n)
    t = fma(sd, normal(draw >> 16), (cars.base + y) + common)
    w = wetness[:, None]
    inter = t + np.maximum(fma(w, q.F_INTER_SLOPE, q.F_INTER_DRY), F32(0))
    t = np.select(
        [cars.compound < 3, cars.compound == 3], [fma(w, q.F_SLICK_WET, t), inter], fma(F32(1) - w, q.F_WET_DRY, t)
    )
    t = np.where(pitted, t + q.F_COLD, t)
    cars.age = cars.age + q.table("F_AGE", 8)[code][:, None]
    loss, queue = q.table("F_PITLOSS", 8)[code][:, None], fma(others, q.F_QUEUE, stationary)
    t = np.where(stopping, (t + loss) + queue, t)
    sixteenths = np.minimum((np.maximum(loss + queue, F32(0)) * F32(16)).astype(np.int64), 2047)
    lane = np.where(stopping, sixteenths << 8, 0)
    cars.refit(stopping, due & stopping, rows, wetness, to_go)
    ticks = fma(np.clip(t, F32(1), F32(510)), F32(L.TICKS), F32(0.5)).astype(np.int64)
    drs = word & L.DRS != 0
    a = np.where(drs, F32(q.F_PASS_A + q.F_PASS_DRS), q.F_PASS_A)[:, None]
    need = np.clip(fma(odds(draw & 0xFFFF), q.F_PASS_B, a), F32(0), F32(2047)).astype(np.int64)
    need = np.where((code != L.GREEN)[:, None], 2047, need)
    return ticks, lane, np.where(standing[:, None], 0, need), stopping


def settle(q, word, lap, time, running, gone, stopping, ticks, lane, need):
    """The order on the road: who catches whom, who passes, who follows; returns times at the line and what was noticed."""
    R, n = time.shape
    row = np.arange(R)
    code = word & 7
    green, sc, red = code == L.GREEN, code == L.SC, code == L.RED
    follow = q.table("I_GAP", 8)[code]
    order = np.argsort(sort_key(time, np.where(running, NEVER, 0)), axis=1)
    leader = time[row, order[:, 0]]
    floor = leader + int(q.table("I_SC_FLOOR", L.LAPS)[lap])
    reference, slow = int(q.table("I_REF", L.LAPS)[lap]), int(q.table("I_SLOW", L.LAPS)[lap])
    names = ("held", "undercut", "cover", "room")
    masks = {name: np.zeros((R, n), bool) for name in names} | {"pitted": stopping}
    after = time.copy()
    front, front_lap, before = np.zeros(R, np.int64), np.zeros(R, np.int64), np.full(R, -(1 << 25))
    previous, theirs = None, np.zeros(R, bool)
    for p in range(n):
        c = order[:, p]
        there = running[row, c]
        mine = stopping[row, c] & there
        own_lap = ticks[row, c] - np.where(mine, lane[row, c], 0)
        gap = time[row, c] - before
        near = q.I_DIRTY_RANGE - np.minimum(gap, q.I_DIRTY_RANGE)
        new = time[row, c] + own_lap + np.where(green, (near * q.I_DIRTY_Q) >> 16, 0)
        slowed = np.maximum(new, floor)
        lapped = slowed - floor > reference - (reference >> 3)
        if q.I_UNLAP:
            slowed = np.where(lapped & (word & L.LAST_LAP_OF_SC != 0), slowed - reference, slowed)
        else:
            slowed = np.where(lapped, slowed + slow, slowed)
        new = np.where(sc, slowed, new)
        free = green & (front - new > q.I_FREE)
        passes = front_lap - own_lap > (np.where(mine, 2047, need[row, c]) - 1024) << 5
        blocked = there & (((front + follow > new) & ~free & ~passes) | (red & (front > 0)))
        new = np.where(blocked, front + follow, new)
        masks["held"][row, c] = blocked
        close = there & (gap < q.I_COVER_GAP)
        masks["undercut"][row, c] = close & theirs & ~mine
        if previous is not None:
            masks["cover"][row, previous] |= close & mine & ~theirs
            masks["room"][row, previous] |= there & (gap > q.I_PIT_GAP)
        leads = there & (free | (new > front)) & ~mine & (~gone[row, c] | red)
        front, front_lap = np.where(leads, new, front), np.where(leads, own_lap, front_lap)
        before = np.where(there, time[row, c], before)
        finish = np.clip(new + np.where(mine, lane[row, c], 0), 0, L.TIME_MAX)
        after[row, c] = np.where(there, finish, after[row, c])
        previous, theirs = c, mine
    return after, masks


def spread(q, time, out, standing):
    """After a standing start nobody is nearer to the car ahead than the following gap."""
    row = np.arange(len(time))
    order = np.argsort(sort_key(time, out), axis=1)
    time = time.copy()
    for p in range(1, time.shape[1]):
        ahead, c = order[:, p - 1], order[:, p]
        least = time[row, ahead] + q.I_START_GAP
        close = standing & (out[row, c] == NEVER) & (time[row, c] < least)
        time[row, c] = np.where(close, least, time[row, c])
    return time
