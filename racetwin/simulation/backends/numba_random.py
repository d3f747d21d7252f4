# mypy: ignore-errors
# (Numba types these functions from what they are called with; annotations would say nothing it reads.)
"""Random numbers and the few elementary functions of the race in Numba, float32 and operation by operation as in Mojo.

Every product that feeds a sum is an explicit fused multiply-add, so no compiler may contract anything further.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from racetwin.config import settings
from racetwin.simulation.spec import layout as L


def _sources_hash():
    # Numba looks at the time of the file a function stands in and not at those it calls or the constants frozen into it: a cache
    # that outlived a change of another file would race yesterday's races.
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted((*Path(__file__).parent.glob("numba_*.py"), Path(L.__file__))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


if "NUMBA_CACHE_DIR" not in os.environ:
    numba.config.CACHE_DIR = str(settings().cache / "numba" / _sources_hash())

F32 = np.float32
U32 = np.uint32
I32 = np.int32

M0, M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
W0, W1 = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)
MASK32 = np.uint64(0xFFFFFFFF)
LN2 = F32(0.6931472)
HALF = F32(0.5)
ONE = F32(1.0)
TWO = F32(2.0)
ZERO = F32(0.0)
INV16 = F32(1 / 65536)
INV24 = F32(1 / 16777216)
TICKS_F = F32(L.TICKS)
LAP_MAX = F32(510.0)
RETIRE_MAX = F32(1e6)
RETIRED = U32(L.RETIRED)
CAR_BITS = U32(31)

# Minimax polynomials: log2(1 + t)/t and (2^t - 1)/t on [0, 1], and over x in powers of
# -log2(1 - x^2), with x uniform in (-1, 1): the normal quantile, and the binary logarithm of (1 + x) / (1 - x).
G0, G1, G2, G3, G4 = (F32(c) for c in (1.44262600, -0.717392027, 0.443913221, -0.23033376, 0.0612556674))
E0, E1, E2, E3 = (F32(c) for c in (0.693133175, 0.240661636, 0.0534020364, 0.0127891544))
Z0, Z1, Z2, Z3, Z4 = (F32(c) for c in (1.24494493, 0.240806744, 0.00278192316, -0.000636264274, 1.95856755e-05))
O0, O1, O2, O3, O4 = (F32(c) for c in (2.87277794, 0.680617571, 0.0447378233, -0.00279061310, 6.46759727e-05))

jit = numba.njit(cache=True, nogil=True, error_model="numpy")
inline = numba.njit(cache=True, nogil=True, inline="never", error_model="numpy")


@intrinsic
def fma(_typing: Any, a: Any, b: Any, c: Any) -> Any:
    """Fused ``a * b + c`` in float32, rounded once."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float32(types.float32, types.float32, types.float32), generate


@intrinsic
def as_int(_typing: Any, x: Any) -> Any:
    """Bits of a float32 as int32."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.int32(types.float32), generate


@intrinsic
def as_float(_typing: Any, x: Any) -> Any:
    """Bits of an int32 as float32."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


@inline
def philox(c0, c1, c2, c3, k0, out):
    """Philox4x32-10 [Salmon et al. 2011]: four words from a counter and the key ``(k0, KEY)``."""
    x0, x1, x2, x3 = U32(c0), U32(c1), U32(c2), U32(c3)
    k0, k1 = U32(k0), U32(L.KEY)
    for _ in range(10):
        p0 = np.uint64(x0) * M0
        p1 = np.uint64(x2) * M1
        x0 = U32(p1 >> np.uint64(32)) ^ x1 ^ k0
        x2 = U32(p0 >> np.uint64(32)) ^ x3 ^ k1
        x1 = U32(p1 & MASK32)
        x3 = U32(p0 & MASK32)
        k0 = U32(k0 + W0)
        k1 = U32(k1 + W1)
    out[0], out[1], out[2], out[3] = x0, x1, x2, x3


@inline
def log2f(x):
    """Binary logarithm of a positive normal float32, relative error below 1e-4."""
    b = as_int(x)
    e = F32((b >> 23) - 127)
    t = as_float(I32((b & 0x7FFFFF) | 0x3F800000)) - ONE
    p = fma(G4, t, G3)
    p = fma(p, t, G2)
    p = fma(p, t, G1)
    p = fma(p, t, G0)
    return fma(p, t, e)


@inline
def exp2f(x):
    """Power of two for -60 <= x <= 60, relative error below 2e-5."""
    k = np.floor(x)
    t = x - k
    p = fma(E3, t, E2)
    p = fma(p, t, E1)
    p = fma(p, t, E0)
    p = fma(p, t, ONE)
    return p * as_float(I32((I32(k) + 127) << 23))


@inline
def centred(bits):
    """Uniform in (-1, 1) from 16 bits."""
    return fma(F32(I32(bits) - 32768), F32(1 / 32768), F32(1 / 65536))


@inline
def odds(bits):
    """Binary logarithm of u / (1 - u), u uniform in (0, 1), from 16 bits."""
    x = centred(bits)
    w = -log2f(fma(-x, x, ONE))
    p = fma(O4, w, O3)
    p = fma(p, w, O2)
    p = fma(p, w, O1)
    p = fma(p, w, O0)
    return p * x


@inline
def normal(word):
    """Standard normal from the upper 16 bits of a word."""
    x = centred(word >> U32(16))
    w = -log2f(fma(-x, x, ONE))
    p = fma(Z4, w, Z3)
    p = fma(p, w, Z2)
    p = fma(p, w, Z1)
    p = fma(p, w, Z0)
    return p * x


@inline
def uniform16(bits):
    """Uniform in (0, 1) from 16 bits."""
    return fma(F32(I32(bits)), INV16, F32(1 / 131072))


@inline
def exponential16(bits):
    """Standard exponential from 16 bits."""
    return -log2f(uniform16(bits)) * LN2
