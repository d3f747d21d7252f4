"""The race by hand in CUDA C++ (``kernels/cuda/race.cu``): not a backend, but what the PTX made from Mojo is held against.

On a machine with a GPU ``racetwin bench kernel`` compiles it with CuPy (NVRTC) and runs both. Everywhere the tests compile it as
plain C++ and compare its races, and where there is ``nvcc`` assemble it and read its registers.
"""

from __future__ import annotations

from racetwin.simulation.backends.mojo_library import sources
from racetwin.simulation.spec import layout as L

OPTIONS = ("-std=c++17", "-fmad=false")
"""Nothing is fused but what says so, or its races would be others than ours."""
OWN = frozenset({"RETIRED", "KEY"})


def cuda_source() -> str:
    """Return the source with the layout's constants before it."""
    lines = [f"constexpr int {name} = {value};" for name, value in L.constants().items() if name not in OWN]
    lines.append(f"constexpr unsigned int KEY = {L.KEY}u;")
    return "\n".join(lines) + "\n" + (sources() / "cuda" / "race.cu").read_text()
