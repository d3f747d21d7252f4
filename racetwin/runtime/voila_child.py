"""Voila as a child of race day: the same server, ending when whoever started it does."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from racetwin.config import Settings, settings
from racetwin.runtime import warm_kernels
from racetwin.runtime.priority import yield_to_engine
from racetwin.telemetry.datagrams import is_loopback
from racetwin.tokens import secret_for

if TYPE_CHECKING:
    from traitlets.config import Config


def _end_with_parent() -> None:
    """Wait for the end of standard input, which is the end of the parent, however that came."""
    with contextlib.suppress(OSError, ValueError):
        while sys.stdin.buffer.read(4096):
            pass
    os.kill(os.getpid(), signal.SIGTERM)


LATE_OUTPUT_S = 60
"""How long after its end what a cell shows may come, in seconds: with Jupyter's four, busy machines left pages empty."""
NEEDED = ("anywidget", "@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8")
"""Front-end extensions that the page uses; others that are installed (Plotly's has 5 MB) would delay every screen."""


def only_what_is_needed(page_config: dict[str, Any], **_: object) -> dict[str, Any]:
    """Leave out of Voila's page configuration the extensions that the race-day page does not use."""
    kept = [e for e in page_config.get("federated_extensions", []) if e.get("name") in NEEDED]
    return {**page_config, "federated_extensions": kept}


def page_token(chosen: Settings) -> str | None:
    """Return the token that the page asks of its viewers: one that may read, where other machines can reach it."""
    return None if is_loopback(chosen.host) else secret_for(chosen, "read")


def configuration() -> Config:
    """Return how Voila serves the page, beside what its command line says.

    Each kernel imports this module again, as the main one of the process it comes from: what takes long is imported here and in
    :func:`main`.
    """
    from traitlets.config import Config

    from racetwin.runtime.screen_kernels import LOOK_EVERY_S, ScreenKernels

    config = Config()
    config.VoilaConfiguration.page_config_hook = only_what_is_needed
    config.VoilaConfiguration.multi_kernel_manager_class = ScreenKernels
    config.MappingKernelManager.cull_interval = LOOK_EVERY_S
    config.MappingKernelManager.cull_idle_timeout = LOOK_EVERY_S  # above 0: look at all
    config.VoilaExecutor.iopub_timeout = LATE_OUTPUT_S
    token = page_token(settings())
    if token is not None:
        config.Voila.token = token
    return config


def main() -> None:
    """Run Voila with the arguments of the command line."""
    from voila.app import Voila  # type: ignore[import-untyped]  # Voila has no types

    yield_to_engine()
    warm_kernels.prepare()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    config = configuration()
    Voila.launch_instance(config=config)


if __name__ == "__main__":
    main()
