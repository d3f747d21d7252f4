"""Make the compiled races that are shipped: ``python kernels/make_libraries.py``, with the Mojo compiler beside it."""

from racetwin.simulation.backends.mojo_library import ship

for path in ship():
    print(path)
