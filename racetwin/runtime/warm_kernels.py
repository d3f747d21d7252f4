"""Kernels that are there at once: forked from a process that has already imported what a screen needs.

Three of the four seconds of processor time that a race-day kernel takes to start are imports, the same for each of them. So they
are done once, in a fork server of the standard library's, and a kernel begins as a copy of it: it shares its memory, too. Where
that is not possible (no Linux, another kind of kernel) a kernel is started as Jupyter always does.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import pathlib
import signal
import sys
import threading
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from multiprocessing import forkserver
from typing import TYPE_CHECKING, Any

from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from racetwin.runtime.priority import yield_to_engine

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess

NAME = "racetwin-warm"
IMPORTED = (
    "ipykernel.kernelapp",
    "ipykernel.debugger",
    "IPython.core.debugger",
    "racetwin.runtime.live",
    "racetwin.runtime.subscription",
    "racetwin.widgets",
)
"""Modules that a screen's kernel finds imported. None of them may start a thread or open a socket: neither survives a fork."""
LAUNCHER = "ipykernel_launcher"


def prepare() -> None:
    """Begin the imports, and make this the way in which this process starts kernels."""
    if sys.platform != "linux":  # elsewhere a fork is not safe, or not known
        return
    factory = KernelProvisionerFactory.instance()
    factory.provisioners[NAME] = EntryPoint(NAME, f"{__name__}:{WarmKernel.__name__}", factory.GROUP_NAME)
    factory.default_provisioner_name = NAME
    os.environ.setdefault(
        "PYDEVD_DISABLE_FILE_VALIDATION", "1"
    )  # no kernel of a screen is debugged: no warning that it cannot be
    multiprocessing.set_forkserver_preload(list(IMPORTED))
    forkserver.ensure_running()


class WarmKernel(LocalProvisioner):
    """How Jupyter starts and ends a kernel here."""

    process: Any = None

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start the kernel that ``cmd`` says: as a fork if it is Python's usual one."""
        if LAUNCHER not in cmd:
            return await super().launch_kernel(cmd, **kwargs)
        words = cmd[cmd.index(LAUNCHER) + 1 :]
        cwd = kwargs.get("cwd") or pathlib.Path.cwd()
        context = multiprocessing.get_context("forkserver")
        process = context.Process(target=_be_a_kernel, args=(words, _plain(kwargs["env"]), str(cwd)), daemon=True)
        await asyncio.to_thread(process.start)  # the first one waits for the imports
        self.process = ForkedProcess(process)
        self.pid, self.pgid, self.cwd = process.pid, None, cwd
        return self.connection_info


class ForkedProcess:
    """A forked process as Jupyter handles one: the part of :class:`subprocess.Popen` that it uses."""

    stdin = stdout = stderr = None

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        self.pid = process.pid

    def poll(self) -> int | None:
        """Return the exit status once it has ended."""
        return self._process.exitcode

    def wait(self) -> int | None:
        """Wait until it has ended and return its exit status."""
        self._process.join()
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it is still there."""
        if self.pid is not None and self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Make it end."""
        self.send_signal(signal.SIGKILL)


def _plain(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment as plain text: Voila's names are an enumeration's, which would take all of Voila into the fork."""
    return {os.fsdecode(os.fsencode(k)): os.fsdecode(os.fsencode(v)) for k, v in environment.items()}


def _be_a_kernel(words: list[str], environment: Mapping[str, str], cwd: str) -> None:
    """Be the kernel with this command line and these surroundings, in the fork."""
    import ipywidgets
    from ipykernel.kernelapp import IPKernelApp

    os.setsid()
    yield_to_engine()  # a session of its own is a share of its own
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd or ".")
    ipywidgets.register_comm_target()  # what importing it inside a kernel does
    threading.Thread(target=_end_with_server, daemon=True).start()
    # Whose child it is was read when ipykernel was imported; without one it takes itself for a terminal's.
    IPKernelApp.launch_instance([*words, f"--IPKernelApp.parent_handle={os.getppid()}"])


def _end_with_server() -> None:
    """End when Voila has, in whatever way: its fork server lives as long as any of its forks."""
    server = multiprocessing.parent_process()
    if server is not None:
        server.join()
        os._exit(1)
