"""The process that serves the small model: ``python -m racetwin.servers.small_model_process MODEL.gguf PORT``.

It ends when its standard input ends, so that it never outlives whoever started it, however that one came to an end.
"""

from __future__ import annotations

import sys
from pathlib import Path

from racetwin.servers.small_model import SMALL_MODEL

CONTEXT_TOKENS = 4096
"""For the question and its answer; the facts of one recommendation and the rules take 1,000 to 2,000 tokens."""


def main(model: Path, port: int, threads: int = 1) -> None:
    """Serve until standard input ends; one thread, since the race kernel wants the others."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model)
    parameters.model_alias = {SMALL_MODEL}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = threads
    parameters.cpuparams_batch.n_threads = threads
    parameters.warmup = False
    parameters.verbosity = 0
    server = xllamacpp.Server(parameters)
    while sys.stdin.buffer.read(4096):
        pass
    del server


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
