"""The race as every backend runs it: where its numbers stand in the flat buffers, and how a state becomes those buffers.

``kernels/README.md`` is the specification in words and formulas; this package is its part that all backends share.
"""
