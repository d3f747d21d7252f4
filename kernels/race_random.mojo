"""Random numbers and the few elementary functions of the race, lane by lane the same on every target.

Built with `--fp-mode contract=off`: what is fused is written as `fma`, and nothing else is.
"""
from std.math import fma, floor, max, min
from std.memory import bitcast
from race_layout import KEY


@always_inline
def multiply_high_low[
    W: Int
](k: UInt32, a: SIMD[DType.uint32, W], mut hi: SIMD[DType.uint32, W], mut lo: SIMD[DType.uint32, W]):
    """Both halves of the 64-bit product."""
    comptime if W == 1:
        var p = a.cast[DType.uint64]() * UInt64(k)
        lo = p.cast[DType.uint32]()
        hi = (p >> 32).cast[DType.uint32]()
    else:
        # Even and odd lanes as 64-bit products: two vpmuludq instead of a widening and a narrowing.
        comptime V = SIMD[DType.uint64, W // 2]
        var x = bitcast[DType.uint64, W // 2](a)
        var mask = V(0xFFFFFFFF)
        var kk = V(UInt64(k))
        var even = (x & mask) * kk
        var odd = (x >> 32) * kk
        lo = bitcast[DType.uint32, W]((even & mask) | (odd << 32))
        hi = bitcast[DType.uint32, W]((even >> 32) | (odd & ~mask))


@always_inline
def philox[
    W: Int
](sim: SIMD[DType.uint32, W], purpose: UInt32, car: UInt32, lap: UInt32, seed: UInt32) -> Array[
    SIMD[DType.uint32, W], 4
]:
    """Philox4x32-10: four words from the counter (race, purpose, car, lap) and the key (seed, KEY)."""
    comptime U = SIMD[DType.uint32, W]
    var x0 = sim
    var x1 = U(purpose)
    var x2 = U(car)
    var x3 = U(lap)
    var k0 = seed
    var k1 = UInt32(KEY)
    comptime for _ in range(10):
        var h0 = U(0)
        var l0 = U(0)
        var h1 = U(0)
        var l1 = U(0)
        multiply_high_low[W](0xD2511F53, x0, h0, l0)
        multiply_high_low[W](0xCD9E8D57, x2, h1, l1)
        x0 = h1 ^ x1 ^ U(k0)
        x2 = h0 ^ x3 ^ U(k1)
        x1 = l1
        x3 = l0
        k0 += 0x9E3779B9
        k1 += 0xBB67AE85
    return [x0, x1, x2, x3]


@always_inline
def log2f[W: Int](x: SIMD[DType.float32, W]) -> SIMD[DType.float32, W]:
    """Binary logarithm of a positive normal number, relative error below 1e-4."""
    comptime F = SIMD[DType.float32, W]
    var b = bitcast[DType.int32, W](x)
    var e = ((b >> 23) - 127).cast[DType.float32]()
    var t = bitcast[DType.float32, W]((b & 0x7FFFFF) | 0x3F800000) - F(1.0)
    var p = fma(F(0.0612556674), t, F(-0.23033376))
    p = fma(p, t, F(0.443913221))
    p = fma(p, t, F(-0.717392027))
    p = fma(p, t, F(1.44262600))
    return fma(p, t, e)


@always_inline
def exp2f[W: Int](x: SIMD[DType.float32, W]) -> SIMD[DType.float32, W]:
    """Power of two, relative error below 2e-5."""
    comptime F = SIMD[DType.float32, W]
    var k = floor(x)
    var t = x - k
    var p = fma(F(0.0127891544), t, F(0.0534020364))
    p = fma(p, t, F(0.240661636))
    p = fma(p, t, F(0.693133175))
    p = fma(p, t, F(1.0))
    return p * bitcast[DType.float32, W]((k.cast[DType.int32]() + 127) << 23)


@always_inline
def normal[W: Int](word: SIMD[DType.uint32, W]) -> SIMD[DType.float32, W]:
    """Standard normal from the upper 16 bits."""
    comptime F = SIMD[DType.float32, W]
    var x = fma(((word >> 16).cast[DType.int32]() - 32768).cast[DType.float32](), F(1.0 / 32768.0), F(1.0 / 65536.0))
    var w = -log2f[W](fma(-x, x, F(1.0)))
    var p = fma(F(1.95856755e-05), w, F(-0.000636264274))
    p = fma(p, w, F(0.00278192316))
    p = fma(p, w, F(0.240806744))
    p = fma(p, w, F(1.24494493))
    return p * x


@always_inline
def uniform16[W: Int](bits: SIMD[DType.uint32, W]) -> SIMD[DType.float32, W]:
    """Uniform in (0, 1) from a number below 65536."""
    comptime F = SIMD[DType.float32, W]
    return fma(bits.cast[DType.int32]().cast[DType.float32](), F(1.0 / 65536.0), F(1.0 / 131072.0))


@always_inline
def uniform24[W: Int](word: SIMD[DType.uint32, W]) -> SIMD[DType.float32, W]:
    """Uniform in (0, 1) from the upper 24 bits."""
    comptime F = SIMD[DType.float32, W]
    return fma((word >> 8).cast[DType.int32]().cast[DType.float32](), F(1.0 / 16777216.0), F(1.0 / 33554432.0))


@always_inline
def exponential16[W: Int](bits: SIMD[DType.uint32, W]) -> SIMD[DType.float32, W]:
    """Standard exponential from a number below 65536."""
    return -log2f[W](uniform16[W](bits)) * SIMD[DType.float32, W](0.6931472)
