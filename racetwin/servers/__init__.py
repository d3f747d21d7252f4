"""Model servers on this machine: settings come in, a process that answers an OpenAI-compatible API goes out.

MAX in an environment of its own, or a small local model over loopback; both are found, started, watched and stopped here. What is
asked of them and what becomes of the answers is the strategist's and the runtime's business.
"""

from racetwin.servers.local_max import MaxServer, Status
from racetwin.servers.max_environment import find_max, install_max, serving, small_serving
from racetwin.servers.small_model import SMALL_MODEL, fetch_small_model, find_small_model, small_model_server

__all__ = [
    "SMALL_MODEL",
    "MaxServer",
    "Status",
    "fetch_small_model",
    "find_max",
    "find_small_model",
    "install_max",
    "serving",
    "small_model_server",
    "small_serving",
]
