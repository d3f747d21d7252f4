// The race by hand in CUDA C++: the same specification (../README.md), thread by thread, to hold the PTX made from Mojo against.
//
// Layout constants (F_*, I_*, codes) are put before this text as constexpr int (racetwin/simulation/backends/cuda_source.py). Built with
// -fmad=false: what is fused is written as FMA, and nothing else is. Compiled as plain C++ it is race_host, which the tests run.

typedef unsigned int u32;
typedef unsigned long long u64;

#ifdef __CUDACC__
#define DEV __device__ __forceinline__
#define FMA __fmaf_rn
#define FLOOR floorf
DEV int first_of(u32 cars) { return __ffs((int)cars) - 1; }
DEV int as_int(float x) { return __float_as_int(x); }
DEV float as_float(int x) { return __int_as_float(x); }
#else
#define DEV inline
#define FMA __builtin_fmaf
#define FLOOR __builtin_floorf
DEV int first_of(u32 cars) { return __builtin_ctz(cars); }
DEV int as_int(float x) { int y; __builtin_memcpy(&y, &x, 4); return y; }
DEV float as_float(int x) { float y; __builtin_memcpy(&y, &x, 4); return y; }
#endif

#ifndef SLOTS
#define SLOTS 24
#endif
#ifndef THREADS
#define THREADS 64
#endif

constexpr u32 OUT = 1u << 31;
constexpr int USED_BIT = 3, OWED_BIT = 8, STINT_BIT = 10, MADE_BIT = 14, NEXT_BIT = 17, RETIRE_BIT = 20;
// A thread's words that change as a race goes: slot s is word[s * stride]. What it draws once, pace and wear, is the thread's own.
constexpr int M_KEY = 0, M_LAP = SLOTS, M_AGE = 2 * SLOTS, M_HAZARD = 3 * SLOTS, M_INFO = 4 * SLOTS, WORDS = 5 * SLOTS;

struct Memory {
    u32 *word;
    int stride;
    DEV u32 &u(int slot) { return word[slot * stride]; }
    DEV int i(int slot) { return (int)word[slot * stride]; }
    DEV float f(int slot) { return as_float((int)word[slot * stride]); }
    DEV void put(int slot, float x) { word[slot * stride] = (u32)as_int(x); }
};

DEV float lower(float a, float b) { return a < b ? a : b; }
DEV float upper(float a, float b) { return a > b ? a : b; }
DEV int lower(int a, int b) { return a < b ? a : b; }
DEV int upper(int a, int b) { return a > b ? a : b; }

struct Words { u32 w[4]; };

DEV Words philox(u32 c0, u32 c1, u32 c2, u32 c3, u32 k0) {
    u32 k1 = (u32)KEY;
#pragma unroll
    for (int r = 0; r < 10; r++) {
        u64 p0 = (u64)c0 * 0xD2511F53u, p1 = (u64)c2 * 0xCD9E8D57u;
        c0 = (u32)(p1 >> 32) ^ c1 ^ k0;
        c2 = (u32)(p0 >> 32) ^ c3 ^ k1;
        c1 = (u32)p1;
        c3 = (u32)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return Words{{c0, c1, c2, c3}};
}

DEV float log2_(float x) {
    int b = as_int(x);
    float e = (float)((b >> 23) - 127), t = as_float((b & 0x7FFFFF) | 0x3F800000) - 1.0f;
    float p = FMA(0.0612556674f, t, -0.23033376f);
    p = FMA(p, t, 0.443913221f);
    p = FMA(p, t, -0.717392027f);
    p = FMA(p, t, 1.44262600f);
    return FMA(p, t, e);
}

DEV float exp2_(float x) {
    float k = FLOOR(x), t = x - k;
    float p = FMA(0.0127891544f, t, 0.0534020364f);
    p = FMA(p, t, 0.240661636f);
    p = FMA(p, t, 0.693133175f);
    p = FMA(p, t, 1.0f);
    return p * as_float(((int)k + 127) << 23);
}

DEV float centred(u32 bits) { return FMA((float)((int)bits - 32768), 1.0f / 32768, 1.0f / 65536); }

DEV float odds(u32 bits) {
    float x = centred(bits), w = -log2_(FMA(-x, x, 1.0f));
    float p = FMA(6.46759727e-05f, w, -0.00279061310f);
    p = FMA(p, w, 0.0447378233f);
    p = FMA(p, w, 0.680617571f);
    p = FMA(p, w, 2.87277794f);
    return p * x;
}

DEV float normal(u32 word) {
    float x = centred(word >> 16), w = -log2_(FMA(-x, x, 1.0f));
    float p = FMA(1.95856755e-05f, w, -0.000636264274f);
    p = FMA(p, w, 0.00278192316f);
    p = FMA(p, w, 0.240806744f);
    p = FMA(p, w, 1.24494493f);
    return p * x;
}

DEV float uniform16(u32 bits) { return FMA((float)(int)bits, 1.0f / 65536, 1.0f / 131072); }
DEV float uniform24(u32 word) { return FMA((float)(int)(word >> 8), 1.0f / 16777216, 1.0f / 33554432); }
DEV float exponential16(u32 bits) { return -log2_(uniform16(bits)) * 0.6931472f; }

DEV u32 stop_word(u32 sim, u32 seed, int car, int stint, int which) {
    int k = 2 * (stint & 3) + which;
    Words w = philox(sim, STOP, car, k >> 2, seed);
    return (k & 3) < 2 ? ((k & 1) ? w.w[1] : w.w[0]) : ((k & 1) ? w.w[3] : w.w[2]);
}

DEV int retires(Memory &m, int c) { return (m.i(M_INFO + c) >> RETIRE_BIT) & 255; }

DEV int length(const float *f, int at, float u) {
    int laps = 1;
    for (int j = 0; j < 10; j++) laps += u >= f[at + j];
    return laps;
}

// What race control and the sky do, lap by lap; no decision changes it.
struct Track {
    int kind, left, racing;
    float wetness;
    bool raining, restart;
    Words w;

    DEV void start(const float *f, const int *i, u32 seed, u32 sim) {
        kind = i[I_KIND0];
        left = 0;
        w = philox(sim, TRACK, 0, 0xFFFF, seed);
        if (kind == SC || kind == VSC) {
            float lasted = f[kind == SC ? F_SC_LEN0 : F_VSC_LEN0];
            float u = FMA(uniform16(w.w[0] & 0xFFFF), 1.0f - lasted, lasted);
            left = upper(length(f, kind == SC ? F_SC_CDF : F_VSC_CDF, u) - i[I_KIND0_LAPS], 0);
        }
        wetness = f[F_WETNESS];
        raining = uniform16(w.w[1] >> 16) < wetness;
        racing = i[I_DRS];
        restart = i[I_LAP0] == 0 || kind == RED;
    }

    DEV int step(const float *f, const int *i, Memory &m, u32 seed, u32 sim, int lap) {
        bool odd = lap & 1;
        if (!odd) w = philox(sim, TRACK, 0, lap / 2, seed);
        u32 trigger = odd ? w.w[2] : w.w[0], weather = odd ? w.w[3] : w.w[1];
        int code = GREEN, flags = restart ? STANDING_START : 0;
        restart = false;
        if (left > 0 && lap != i[I_FORCE_LAP]) {
            code = kind;
            left--;
            if (kind == SC && left == 0) flags |= LAST_LAP_OF_SC;
        } else {
            int out = 0;
            for (int c = 0; c < i[I_N]; c++) out += retires(m, c) == lap && i[I_ALIVE + c] != 0;
            float n = (float)out, u = (float)(int)(trigger >> 16);
            float sc = FMA(n, f[F_SC16_RET], f[lap == 0 ? F_SC16_1 : F_SC16]);
            float vsc = sc + FMA(n, f[F_VSC16_RET], f[lap == 0 ? F_VSC16_1 : F_VSC16]);
            float red = vsc + FMA(n, f[F_RED16_RET], f[lap == 0 ? F_RED16_1 : F_RED16]);
            kind = u < sc ? SC : u < vsc ? VSC : u < red ? RED : GREEN;
            if (lap == i[I_FORCE_LAP]) kind = i[I_FORCE_KIND];
            if (kind == SC || kind == VSC) {
                left = length(f, kind == SC ? F_SC_CDF : F_VSC_CDF, uniform16(trigger & 0xFFFF));
                code = kind == SC ? SC_DEPLOYED : VSC_DEPLOYED;
            } else if (kind == RED) {
                code = RED;
                restart = true;
            }
        }
        if (i[I_RAIN] != 0) {
            float u = uniform24(weather);
            raining = raining ? u >= f[F_RAIN_STOP] : u < f[F_RAIN_START];
            wetness = raining ? lower(wetness + f[F_RAIN_GAIN], 1.0f) : upper(wetness - f[F_RAIN_DRY], 0.0f);
            if (lap >= i[I_RAIN_LAP]) wetness = upper(wetness, f[F_RAIN_MIN]);
        }
        racing = code == GREEN && flags == 0 ? racing + 1 : 0;
        return code | flags | (racing > 2 && wetness < f[F_CROSS_SI] ? DRS : 0);
    }
};

DEV bool wrong_tyre(const float *f, int compound, float wetness) {
    if (compound < 3) return wetness >= f[F_CROSS_SI];
    if (compound == 3) return wetness >= f[F_CROSS_IW] || wetness < f[F_CROSS_IS];
    return wetness < f[F_CROSS_WI];
}

DEV int still_owed(const int *i, int used, int made) {
    if ((used & 24) || used == 0) return 0;
    int slicks = used & 7, one = i[I_TWO] != 0 && (slicks & (slicks - 1)) == 0;
    return lower(upper(i[I_MIN_STOPS] - made, one), 3);
}

DEV int choose(const float *f, const int *i, int c, float wetness, int to_go, int used, int owed, u32 word) {
    if (wetness >= f[F_CROSS_IW]) return 4;
    if (wetness >= f[F_CROSS_SI]) return 3;
    float u = uniform16(word >> 16), target = (float)to_go * FMA(f[F_SPREAD], u + u - 1.0f, 1.0f);
    if (owed > 1 || target > 1.35f * f[F_LIFE + 2]) target *= 0.5f;
    int pick = f[F_LIFE] >= target ? 0 : f[F_LIFE + 1] >= target ? 1 : 2;
    int allowed = i[I_AVAIL + c] & 7, slicks = used & 7;
    if (i[I_TWO] != 0 && !(used & 24) && (slicks & (slicks - 1)) == 0 && (allowed & ~slicks)) allowed &= ~slicks;
    if (allowed == 0) allowed = 7;
    for (int k = 0; k < 2; k++)
        if (!((allowed >> pick) & 1)) pick = pick == 2 ? 0 : pick + 1;
    return pick;
}

DEV void refit(const float *f, const int *i, const int *row, Memory &m, u32 seed, u32 sim, int c, bool by_plan, float wetness,
               int to_go) {
    int info = m.i(M_INFO + c), used = (info >> USED_BIT) & 31, owed = (info >> OWED_BIT) & 3, stint = (info >> STINT_BIT) & 15;
    int made = lower(((info >> MADE_BIT) & 7) + 1, 7), next = (info >> NEXT_BIT) & 7, fresh;
    float age;
    if (by_plan) {
        fresh = row[PLAN_COMPOUND + next];
        age = (float)row[PLAN_AGE + next] * (1.0f / 16);
        next++;
        if (fresh < 3 && wetness >= f[F_CROSS_SI]) {
            fresh = wetness >= f[F_CROSS_IW] ? 4 : 3;
            age = f[F_SETAGE + 5 * c + fresh];
        }
    } else {
        fresh = choose(f, i, c, wetness, to_go, used, owed, stop_word(sim, seed, c, stint, 1));
        age = f[F_SETAGE + 5 * c + fresh];
    }
    used |= 1 << fresh;
    stint = (stint + 1) & 15;
    m.u(M_INFO + c) = fresh | used << USED_BIT | still_owed(i, used, made) << OWED_BIT | stint << STINT_BIT | made << MADE_BIT |
                      next << NEXT_BIT | (info & (255 << RETIRE_BIT));
    m.put(M_AGE + c, age);
    m.put(M_HAZARD + c, exponential16(stop_word(sim, seed, c, stint, 0) >> 16));
}

// Keys are nearly sorted from lap to lap.
DEV void sort(Memory &m, int n) {
    for (int a = 1; a < n; a++) {
        u32 k = m.u(M_KEY + a);
        int b = a - 1;
        while (b >= 0 && m.u(M_KEY + b) > k) {
            m.u(M_KEY + b + 1) = m.u(M_KEY + b);
            b--;
        }
        m.u(M_KEY + b + 1) = k;
    }
}

DEV int line_time(Memory &m, int n, int c) {
    for (int p = 0; p < n; p++)
        if ((int)(m.u(M_KEY + p) & 31) == c) return (int)(m.u(M_KEY + p) >> 5);
    return 0;
}

DEV void race(const float *f, const int *i, const int *plan, Memory m, u32 seed, u32 sim) {
    const int n = i[I_N], own = i[I_OWN], lap0 = i[I_LAP0], total = i[I_TOTAL], laps = i[I_LAPS];
    u32 in_race = 0;
    float base[SLOTS], worn[SLOTS];
    for (int g = 0; g < n; g += 4) {
        Words w = philox(sim, PACE, g, 0, seed), v = philox(sim, RETIRE, g, 0, seed);
        for (int j = 0; j < 4 && g + j < n; j++) {
            int c = g + j;
            base[c] = FMA(f[F_PACE_SD + c], normal(w.w[j]), f[F_BASE + c]);
            worn[c] = upper(FMA(f[F_WEAR_SD + c], normal(w.w[j] << 16), f[F_WEAR_MEAN + c]), 0.25f);
            float beyond = FMA(-log2_(uniform24(v.w[j])), 0.6931472f, -f[F_RET_H1 + c]);
            int later = (int)lower(upper(beyond, 0.0f) * f[F_RET_INV + c], 1e6f);
            int out = beyond >= 0.0f ? lower(later + 1, 255) : 0;
            m.u(M_INFO + c) = i[I_COMPOUND + c] | i[I_USED + c] << USED_BIT | i[I_OWED + c] << OWED_BIT |
                              lower(i[I_STOPS + c], 7) << MADE_BIT | out << RETIRE_BIT;
            m.put(M_AGE + c, f[F_AGE0 + c]);
            m.put(M_HAZARD + c, exponential16(stop_word(sim, seed, c, 0, 0) >> 16));
            bool alive = i[I_ALIVE + c] != 0;
            if (alive) in_race |= 1u << c;
            m.u(M_KEY + c) = (alive ? (u32)i[I_TIME + c] << 5 : OUT | (u32)(1023 - i[I_DONE + c]) << 5) | c;
        }
    }
    sort(m, n);
    Track track;
    track.start(f, i, seed, sim);
    bool pulled = false;
    u32 pitted = 0, held = 0, undercut = 0, cover = 0, room = 0;
    for (int lap = 0; lap < laps; lap++) {
        const int word = track.step(f, i, m, seed, sim, lap), code = word & 7, driven = lap0 + lap + 1, to_go = total - driven;
        const float wetness = track.wetness;
        const bool red = code == RED || (lap == 0 && i[I_KIND0] == RED);
        u32 stopping = 0, is_due = 0;
        for (int c = 0; to_go > 0 && c < n; c++) {
            const u32 bit = 1u << c;
            if (!(in_race & bit) || retires(m, c) < lap) continue;
            const int info = m.i(M_INFO + c), compound = info & 7, owed = (info >> OWED_BIT) & 3;
            const bool wrong = wrong_tyre(f, compound, wetness);
            float rest = m.f(M_HAZARD + c);
            bool stops;
            if (c == own || i[I_PLANNED + c] != 0) {
                const int *row = c == own ? plan : i + I_PLANS + c * PLAN;
                const int next = (info >> NEXT_BIT) & 7;
                bool due = false;
                if (next < row[0]) {
                    due = row[PLAN_LAP + next] <= driven;
                    if (c == own && !pulled && code != GREEN && code != RED && row[PLAN_FROM] <= driven && driven <= row[PLAN_TO])
                        due = pulled = true;
                }
                if (wrong) rest -= f[F_STOP_WEATHER];
                if (due) is_due |= bit;
                stops = due || (wrong && rest <= 0.0f);
            } else {
                const float age = m.f(M_AGE + c), life = f[F_INVLIFE + compound] * worn[c], x = age * life;
                float eta = FMA(x, f[F_STOP_AGE], f[F_STOP0 + c]);
                eta = FMA(upper(FMA(age, life, -1.0f), 0.0f), f[F_STOP_OVERDUE], eta);
                eta += f[(owed > 0 ? F_OWED : F_LATE) + lap];
                eta = FMA(lower(x * 2.0f, 1.0f), f[F_STOP_STATUS + code], eta);
                eta += undercut & bit ? f[F_STOP_UNDERCUT] : 0.0f;
                eta += cover & bit ? f[F_COVER + c] : 0.0f;
                eta += held & bit ? f[F_STOP_TRAFFIC] : 0.0f;
                eta += room & bit ? f[F_STOP_FREE] : 0.0f;
                rest -= exp2_(lower(upper(eta, -40.0f), 8.0f));
                if (wrong) rest -= f[F_STOP_WEATHER];
                stops = rest <= 0.0f || (owed > 0 && to_go <= owed);
            }
            m.put(M_HAZARD + c, rest);
            if (stops) stopping |= bit;
        }
        if (red) {
            // Everyone changes tyres for nothing; what was to be a stop now is that change.
            stopping = 0;
            for (int c = 0; to_go > 0 && c < n; c++) {
                if (!(in_race >> c & 1) || retires(m, c) < lap) continue;
                const int *row = c == own ? plan : i + I_PLANS + c * PLAN;
                bool by_plan = (c == own || i[I_PLANNED + c] != 0) && ((m.i(M_INFO + c) >> NEXT_BIT) & 7) < row[0];
                refit(f, i, row, m, seed, sim, c, by_plan, wetness, to_go);
            }
        }
        for (u32 rest = stopping; rest; rest &= rest - 1) {
            const int c = first_of(rest);
            const int stint = (m.i(M_INFO + c) >> STINT_BIT) & 15;
            const float e = -log2_(uniform16(stop_word(sim, seed, c, stint, 0) & 0xFFFF));
            float s = FMA(e, f[F_STAT_BODY], f[F_STAT]);
            s = FMA(upper(FMA(e, 0.6931472f, -f[F_STAT_FROM]), 0.0f), f[F_STAT_TAIL], s);
            s += (float)i[(stint == 0 ? I_EXTRA : I_CREW) + c] * (1.0f / 4096);
            m.put(M_LAP + c, s);
        }
        // Team-mates share a box.
        for (u32 rest = stopping; rest; rest &= rest - 1) {
            const int c = first_of(rest), mate = i[I_MATE + c];
            if (mate <= c || !(stopping >> c & 1) || !(stopping >> mate & 1)) continue;
            const int tc = line_time(m, n, c), tm = line_time(m, n, mate), gap = tc > tm ? tc - tm : tm - tc;
            const int late = tc > tm ? c : mate, soon = late == c ? mate : c;
            const bool plan_c = c == own || i[I_PLANNED + c] != 0, plan_m = mate == own || i[I_PLANNED + mate] != 0;
            if (code == GREEN && gap < i[I_STACK] && !(plan_c && plan_m)) {
                const bool plan_late = late == c ? plan_c : plan_m;
                const int yields = plan_late ? soon : late, owed = (m.i(M_INFO + yields) >> OWED_BIT) & 3;
                if (!(owed > 0 && to_go <= owed)) {
                    stopping &= ~(1u << yields);
                    continue;
                }
            }
            const float wait = m.f(M_LAP + soon) + f[F_STACK] - (float)gap * (1.0f / 4096);
            m.put(M_LAP + late, m.f(M_LAP + late) + upper(wait, 0.0f));
        }
        int in_lane = 0;
        for (u32 rest = stopping; rest; rest &= rest - 1) in_lane++;
        const float others = (float)(in_lane - 1);
        // Everybody's lap, alone on the track.
        const bool standing = word & STANDING_START, closed = code != GREEN && !standing;
        float common = f[F_LAPTIME + lap * CODES + code];
        if (standing) common += f[F_STANDING];
        if (wetness > 0.0f) common = FMA(wetness, f[F_WET_TRACK], common);
        const float sd = standing ? f[F_START_SD] : f[F_SD + code], ageing = f[F_AGE + code];
        const float inter_loss = upper(FMA(wetness, f[F_INTER_SLOPE], f[F_INTER_DRY]), 0.0f);
        const float pass_a = word & DRS ? f[F_PASS_A] + f[F_PASS_DRS] : f[F_PASS_A];
        u32 gone = 0;
        for (int g = 0; g < n; g += 4) {
            const Words w = philox(sim, LAP, g, lap, seed);
#pragma unroll 1
            for (int j = 0; j < 4 && g + j < n; j++) {
                const int c = g + j;
                const u32 draw = j < 2 ? (j ? w.w[1] : w.w[0]) : (j == 3 ? w.w[3] : w.w[2]);
                const int compound = m.i(M_INFO + c) & 7;
                const float age = m.f(M_AGE + c), factor = worn[c], over = upper(age - f[F_CLIFF_AGE + compound], 0.0f);
                float y = FMA(age, f[F_WEAR + compound] * factor, f[F_OFFSET + compound]);
                y = FMA(over * over, f[F_CLIFF + compound] * factor, y);
                float t = base[c] + y;
                t += common;
                t = FMA(sd, normal(draw), t);
                if (compound < 3)
                    t = FMA(wetness, f[F_SLICK_WET], t);
                else
                    t = compound == 3 ? t + inter_loss : FMA(1.0f - wetness, f[F_WET_DRY], t);
                if (pitted >> c & 1) t += f[F_COLD];
                m.put(M_AGE + c, age + ageing);
                int need = (int)lower(upper(FMA(odds(draw & 0xFFFF), f[F_PASS_B], pass_a), 0.0f), 2047.0f);
                need = standing ? 0 : closed ? 2047 : need;
                if (stopping >> c & 1) {
                    const float s = m.f(M_LAP + c), loss = f[F_PITLOSS + code], lane = FMA(others, f[F_QUEUE], s);
                    need = lower((int)(upper(loss + lane, 0.0f) * 16.0f), 2047);
                    t += loss;
                    t += lane;
                }
                const int ticks = (int)FMA(lower(upper(t, 1.0f), 510.0f), 4096.0f, 0.5f);
                m.u(M_LAP + c) = (u32)ticks << 11 | need;
                if (retires(m, c) == lap) gone |= 1u << c;
            }
        }
        for (u32 rest = stopping; rest; rest &= rest - 1) {
            const int c = first_of(rest);
            refit(f, i, c == own ? plan : i + I_PLANS + c * PLAN, m, seed, sim, c, is_due >> c & 1, wetness, to_go);
        }
        // The order on the road.
        const int follow = i[I_GAP + code], reference = i[I_REF + lap], floor = (int)(m.u(M_KEY) >> 5) + i[I_SC_FLOOR + lap];
        u32 previous = 0;
        int before = -(1 << 25), front = 0, front_lap = 0;
        held = undercut = cover = room = 0;
        for (int p = 0; p < n; p++) {
            const u32 k = m.u(M_KEY + p);
            if (k & OUT) break;
            const int c = k & 31, t = (int)(k >> 5);
            const u32 bit = 1u << c, packed = m.u(M_LAP + c);
            const bool mine = stopping & bit, leaves = gone & bit;
            const int low = packed & 2047, lane = mine ? low << 8 : 0, own_lap = (int)(packed >> 11) - lane, gap = t - before;
            int now = t + own_lap;
            if (code == GREEN) now += (i[I_DIRTY_RANGE] - lower(gap, i[I_DIRTY_RANGE])) * i[I_DIRTY_Q] >> 16;
            if (code == SC) {
                now = upper(now, floor);
                if (now - floor > reference - (reference >> 3)) {
                    if (i[I_UNLAP] == 0)
                        now += i[I_SLOW + lap];
                    else if (word & LAST_LAP_OF_SC)
                        now -= reference;
                }
            }
            const bool is_free = code == GREEN && front - now > i[I_FREE];
            const bool passes = front_lap - own_lap > ((mine ? 2047 : low) - 1024) * 32;
            if ((front + follow > now && !is_free && !passes) || (code == RED && front > 0)) {
                now = front + follow;
                held |= bit;
            }
            if (gap < i[I_COVER_GAP]) {
                const bool theirs = stopping & previous;
                if (theirs && !mine) undercut |= bit;
                if (mine && !theirs) cover |= previous;
            }
            if (gap > i[I_PIT_GAP]) room |= previous;
            if ((is_free || now > front) && !mine && (!leaves || code == RED)) {
                front = now;
                front_lap = own_lap;
            }
            before = t;
            previous = bit;
            m.u(M_KEY + p) = leaves ? OUT | (u32)(1023 - lap0 - lap) << 5 | c
                                    : (u32)lower(upper(now + lane, 0), TIME_MAX) << 5 | c;
        }
        sort(m, n);
        for (int p = 1; standing && p < n; p++) {
            const u32 k = m.u(M_KEY + p), least = (m.u(M_KEY + p - 1) >> 5) + i[I_START_GAP];
            if (k & OUT) break;
            if (k >> 5 < least) m.u(M_KEY + p) = least << 5 | (k & 31);
        }
        pitted = stopping;
    }
    if (own >= 0 && (m.i(M_INFO + own) >> OWED_BIT & 3) > 0) {
        for (int p = 0; p < n; p++)
            if ((int)(m.u(M_KEY + p) & 31) == own && !(m.u(M_KEY + p) & OUT)) m.u(M_KEY + p) = OUT | 1023u << 5 | own;
        sort(m, n);
    }
}

// keys[(plan * n + place) * races + race] is the final order; thread r * n_plans + p runs race first + r under plan p.
#ifdef __CUDACC__
extern "C" __global__ void __launch_bounds__(THREADS)
    race_by_hand(const float *f, const int *i, const int *plans, int n_plans, u32 first, int n_races, int shared, u32 *keys) {
    __shared__ u32 words[WORDS * THREADS];
    const int at = blockIdx.x * THREADS + threadIdx.x;
    if (at >= n_plans * n_races) return;
    Memory m{words + threadIdx.x, THREADS};
#else
extern "C" void race_host(const float *f, const int *i, const int *plans, int n_plans, u32 first, int n_races, int shared, u32 *keys) {
    u32 words[WORDS];
    for (int at = 0; at < n_plans * n_races; at++) {
    Memory m{words, 1};
#endif
    const int p = at % n_plans, r = at / n_plans, n = i[I_N];
    const u32 seed = (u32)i[I_SEED] + (shared ? 0u : (u32)p * 0x9E3779B9u);
    race(f, i, plans + p * PLAN, m, seed, first + r);
    for (int c = 0; c < n; c++) keys[((u64)p * n + c) * n_races + r] = m.u(M_KEY + c);
#ifndef __CUDACC__
    }
#endif
}
