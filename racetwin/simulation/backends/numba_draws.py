# mypy: ignore-errors
# (Numba types these functions from what they are called with; annotations would say nothing it reads.)
"""What no decision can change, drawn once a race: the cars, race control, the weather, each lap's noise."""

from __future__ import annotations

import numpy as np

from racetwin.simulation.backends.numba_random import (
    F32,
    I32,
    INV24,
    LN2,
    ONE,
    RETIRE_MAX,
    U32,
    ZERO,
    fma,
    inline,
    jit,
    log2f,
    normal,
    odds,
    philox,
    uniform16,
)
from racetwin.simulation.spec import layout as L


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


@jit
def draw_room(laps):
    """Return where a race's draws go, in the order in which :func:`draw` and the race take them."""
    stop_words = np.empty((L.CARS, 8), np.uint32)
    status = np.empty(laps, np.int32)
    wet = np.empty(laps, np.float32)
    base = np.empty(L.CARS, np.float32)
    factor = np.empty(L.CARS, np.float32)
    retire = np.empty(L.CARS, np.int32)
    noise = np.empty((laps, L.CARS), np.float32)
    need = np.empty((laps, L.CARS), np.int32)
    return stop_words, status, wet, base, factor, retire, noise, need


@inline
def draw(f, i, key, sim, stop_words, status, wet, base, factor, retire, noise, need):
    """Draw all of a race that no decision can change."""
    draw_scenario(f, i, key, sim, stop_words, status, wet, base, factor, retire)
    draw_laps(f, i, key, sim, status, noise, need)
