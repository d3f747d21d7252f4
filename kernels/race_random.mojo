"""Random numbers and the few elementary functions of the race, lane by lane the same on every target.

Built with `--fp-mode contract=off`: what is fused is written as `fma`, and nothing else is.
"""
from std.math import fma, floor, max, min
from std.memory import bitcast
from race_layout import KEY


@always_inline
def philox[
    W: Int
](sim: SIMD[DType.uint32, W], purpose: UInt32, car: UInt32, lap: UInt32, seed: UInt32) -> Array[
    SIMD[DType.uint32, W], 4
]:
    """Philox4x32-10: four words from the counter (race, purpose, car, lap) and the key (seed, KEY).

    Words live in 64-bit lanes, whose upper halves are noise until the end: one multiplication gives both halves of a product, and no
    lane is ever moved. Only the race differs between lanes, so half of the first two rounds is scalar.
    """
    comptime V = SIMD[DType.uint64, W]
    comptime M0 = UInt64(0xD2511F53)
    comptime M1 = UInt64(0xCD9E8D57)
    comptime LOW = UInt64(0xFFFFFFFF)
    comptime KEY0 = UInt32(0x9E3779B9)
    comptime KEY1 = UInt32(0xBB67AE85)
    # Round 1: x0 = sim, the rest is the same in all lanes.
    var p0 = sim.cast[DType.uint64]() * V(M0)
    var q1 = UInt64(car) * M1
    var s0 = (q1 >> 32) ^ UInt64(purpose) ^ UInt64(seed)
    var s1 = q1 & LOW
    var x2 = (p0 >> 32) ^ V(UInt64(lap) ^ UInt64(KEY))
    var x3 = p0
    # Round 2: x0 and x1 are still the same in all lanes.
    var k0 = seed + KEY0
    var k1 = UInt32(KEY) + KEY1
    var q0 = (s0 & LOW) * M0
    var p1 = (x2 & V(LOW)) * V(M1)
    var x0 = (p1 >> 32) ^ V(s1 ^ UInt64(k0))
    var x1 = p1
    x2 = x3 ^ V((q0 >> 32) ^ UInt64(k1))
    x3 = V(q0 & LOW)
    comptime for _ in range(8):
        k0 += KEY0
        k1 += KEY1
        p0 = (x0 & V(LOW)) * V(M0)
        p1 = (x2 & V(LOW)) * V(M1)
        x0 = (p1 >> 32) ^ x1 ^ V(UInt64(k0))
        x2 = (p0 >> 32) ^ x3 ^ V(UInt64(k1))
        x1 = p1
        x3 = p0
    return [x0.cast[DType.uint32](), x1.cast[DType.uint32](), x2.cast[DType.uint32](), x3.cast[DType.uint32]()]


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
def centred[W: Int](bits: SIMD[DType.uint32, W]) -> SIMD[DType.float32, W]:
    """Uniform in (-1, 1) from a number below 65536."""
    comptime F = SIMD[DType.float32, W]
    return fma((bits.cast[DType.int32]() - 32768).cast[DType.float32](), F(1.0 / 32768.0), F(1.0 / 65536.0))


@always_inline
def odds[W: Int](bits: SIMD[DType.uint32, W]) -> SIMD[DType.float32, W]:
    """Binary logarithm of u / (1 - u), u uniform in (0, 1) from a number below 65536."""
    comptime F = SIMD[DType.float32, W]
    var x = centred[W](bits)
    var w = -log2f[W](fma(-x, x, F(1.0)))
    var p = fma(F(6.46759727e-05), w, F(-0.00279061310))
    p = fma(p, w, F(0.0447378233))
    p = fma(p, w, F(0.680617571))
    p = fma(p, w, F(2.87277794))
    return p * x


@always_inline
def normal[W: Int](word: SIMD[DType.uint32, W]) -> SIMD[DType.float32, W]:
    """Standard normal from the upper 16 bits."""
    comptime F = SIMD[DType.float32, W]
    var x = centred[W](word >> 16)
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
