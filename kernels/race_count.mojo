"""Adding up what GPU threads raced; a module of its own, since the compiler emits one kernel per PTX file."""
from std.atomic import Atomic, Ordering
from std.sys.intrinsics import llvm_intrinsic
from race_core import FP, IP, UP
from race_layout import RETIRED

comptime THREADS = 256
comptime BP = MutPointer[UInt8, MutAnyOrigin]
comptime LP = MutPointer[Int64, MutAnyOrigin]


@always_inline
def thread_in_block() -> Int:
    return Int(llvm_intrinsic["llvm.nvvm.read.ptx.sreg.tid.x", Int32]())


@always_inline
def block() -> Int:
    return Int(llvm_intrinsic["llvm.nvvm.read.ptx.sreg.ctaid.x", Int32]())


@export
def racetwin_count(
    keys: UP, n: Int32, own: Int32, n_races: Int32, chunk: Int32, positions: BP, histogram: LP, finished: LP, time_ms: LP,
    watch: IP, n_watch: Int32, watched: BP, gaps: IP
) abi("C"):
    """Add up one place of one plan over `chunk` races, which the threads of a block share out."""
    var races = Int(n_races)
    var chunks = (races + Int(chunk) - 1) // Int(chunk)
    var row = block() // chunks
    var p = row // Int(n)
    var place = row % Int(n)
    var begin = (block() % chunks) * Int(chunk)
    var counts = Array[Int32, 32](fill=0)
    var seen = Int64(0)
    var sum = Int64(0)
    for r in range(begin + thread_in_block(), min(begin + Int(chunk), races), THREADS):
        var k = keys[unsafe_offset = row * races + r]
        var c = Int(k & 31)
        counts[c] += 1
        if c == Int(own):
            positions[unsafe_offset = p * races + r] = UInt8(place + 1)
            if k < UInt32(RETIRED):
                seen += 1
                sum += (Int64(k >> 5) * 1000 + 2048) >> 12
                # The gap to each watched car that finishes, in ms; what is not written stays "no gap".
                for q in range(Int(n_watch)):
                    for other in range(Int(n)):
                        var theirs = keys[unsafe_offset = (p * Int(n) + other) * races + r]
                        if Int32(theirs & 31) == watch[unsafe_offset=q] and theirs < UInt32(RETIRED):
                            gaps[unsafe_offset = (p * races + r) * Int(n_watch) + q] = Int32(
                                (Int64(theirs >> 5) * 1000 + 2048) >> 12
                            ) - Int32((Int64(k >> 5) * 1000 + 2048) >> 12)
        for q in range(Int(n_watch)):
            if Int(watch[unsafe_offset=q]) == c:
                watched[unsafe_offset = (p * races + r) * Int(n_watch) + q] = UInt8(place + 1)
    for c in range(Int(n)):
        if counts[c] != 0:
            _ = Atomic.fetch_add[ordering=Ordering.RELAXED](histogram.unsafe_offset((p * Int(n) + c) * Int(n) + place), Int64(counts[c]))
    if seen != 0:
        _ = Atomic.fetch_add[ordering=Ordering.RELAXED](finished.unsafe_offset(p), seen)
        _ = Atomic.fetch_add[ordering=Ordering.RELAXED](time_ms.unsafe_offset(p), sum)
