"""Make the PTX that is shipped: ``python kernels/make_ptx.py [MOJO]``, with a compiler that has ``max`` beside it."""

import sys

from racetwin.simulation.backends.ptx import main

sys.exit(main(sys.argv[1:]))
