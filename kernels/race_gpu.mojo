"""The race on an NVIDIA GPU: one thread runs one race under one plan; README.md says how the kernels are launched.

What changes as a race goes stands in the thread's column of the block's shared memory, one word of all threads side by side: whatever
slot a thread asks for, the 32 of a warp ask 32 different banks. Shared memory limits how many races run at once, so what a race draws
once and only reads from then on, pace and wear, stands in the thread's own memory, which is cached.
"""
from std.memory import bitcast, stack_allocation
from std.memory.pointer import AddressSpace
from std.sys.defines import get_defined_int
from std.sys.intrinsics import llvm_intrinsic
from race_core import *

comptime THREADS = get_defined_int["THREADS", 64]()


@always_inline
def thread_in_block() -> Int:
    return Int(llvm_intrinsic["llvm.nvvm.read.ptx.sreg.tid.x", Int32]())


@always_inline
def block() -> Int:
    return Int(llvm_intrinsic["llvm.nvvm.read.ptx.sreg.ctaid.x", Int32]())


@export
def racetwin_race(
    f: FP, i: IP, plans: IP, n_plans: Int32, first: UInt32, n_races: Int32, shared: Int32, keys: UP
) abi("C"):
    """Run every race under every plan; keys[(plan * n + place) * races + race] is the final order."""
    var at = block() * THREADS + thread_in_block()
    if at >= Int(n_races) * Int(n_plans):
        return
    # Threads side by side run the same race under different plans: it has its safety cars and most of its stops in the same laps, so a
    # warp stays together.
    var p = at % Int(n_plans)
    var r = at // Int(n_plans)
    var seed = bitcast[DType.uint32, 1](i[unsafe_offset=I_SEED])
    if shared == 0:
        seed += UInt32(p) * 0x9E3779B9
    var n = Int(i[unsafe_offset=I_N])
    var plan = plans.unsafe_offset(p * PLAN)
    var sim = first + UInt32(r)
    var words = stack_allocation[MOVING * THREADS, UInt32, address_space=AddressSpace.SHARED]()
    var m = words.unsafe_address_space_cast[AddressSpace.GENERIC]().unsafe_origin_cast[MutAnyOrigin]().unsafe_offset(thread_in_block())
    var drawn = stack_allocation[M_COMPACT - MOVING, UInt32]()
    var fixed = drawn.unsafe_origin_cast[MutAnyOrigin]().unsafe_offset(-MOVING)
    race[1, THREADS, 1](f, i, plan, m, fixed, seed, sim)
    for c in range(n):
        keys.unsafe_store((p * n + c) * Int(n_races) + r, getu[1, THREADS](m, M_KEY + c))
