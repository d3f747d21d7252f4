"""The kernels of the screens: there at once, and gone when their page is."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from voila.execute import VoilaExecutor

from racetwin.runtime.priority import SHOWING
from racetwin.runtime.screen_kernels import ScreenKernels
from racetwin.runtime.voila_child import configuration

pytestmark = pytest.mark.integration

FORKED = """
import asyncio, json, os, sys, time
from enum import Enum
from jupyter_client import AsyncKernelManager
from racetwin.runtime import warm_kernels

class Name(str, Enum):
    QUERY = "QUERY_STRING"

async def main():
    warm_kernels.prepare()
    first = AsyncKernelManager(kernel_name="python3")
    await first.start_kernel(env={**os.environ})  # waits for the imports
    manager = AsyncKernelManager(kernel_name="python3")
    await manager.start_kernel(env={**os.environ, Name.QUERY: "car=44"}, cwd="/tmp")
    client = manager.client()
    client.start_channels()
    await client.wait_for_ready(timeout=60)
    told = []
    code = (
        "import json, os, sys, ipywidgets; asked = set(sys.modules); from racetwin.widgets import RaceDayBoard; "
        "print(json.dumps({'pid': os.getpid(), 'ppid': os.getppid(), 'cwd': os.getcwd(), 'query': os.environ['QUERY_STRING'], "
        "'imported_before': 'racetwin.widgets' in asked, 'voila': 'voila' in asked, "
        "'nice': os.nice(0), 'shared': open('/proc/self/autogroup').read() if os.path.exists('/proc/self/autogroup') else '', "
        "'targets': sorted(ipywidgets.comm.get_comm_manager().targets), 'cpu': sum(os.times()[:2])}))"
    )
    await client.execute_interactive(code, output_hook=lambda m: told.append(m["content"].get("text", "")), timeout=60)
    kernel = json.loads("".join(told))
    alive = await manager.is_alive()
    await manager.shutdown_kernel(now=True)
    other = first.provisioner.pid
    print(json.dumps({**kernel, "alive": alive, "after": await manager.is_alive(), "other": other}), flush=True)
    os._exit(0)  # as a server that is killed: the first kernel is still there

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")
def test_a_kernel_is_a_fork_that_has_its_imports_and_ends_with_the_server() -> None:
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=120, check=True)
    kernel = json.loads(done.stdout.splitlines()[-1])
    assert kernel["alive"]
    assert not kernel["after"]
    assert kernel["cwd"] == "/tmp"
    assert kernel["query"] == "car=44"
    assert kernel["imported_before"]
    assert not kernel["voila"]
    assert kernel["targets"] == ["jupyter.widget", "jupyter.widget.control"]
    assert kernel["nice"] >= SHOWING, "a screen yields to the engine"
    assert kernel["shared"] == "" or kernel["shared"].endswith(f" nice {SHOWING}\n")
    assert kernel["cpu"] < 2  # a kernel that imports all of it takes more than three seconds
    deadline = time.monotonic() + 20
    while Path(f"/proc/{kernel['other']}").exists():
        assert time.monotonic() < deadline, "a kernel outlives its server"
        time.sleep(0.1)


def test_what_a_kernel_imports_again_is_next_to_nothing() -> None:
    """A fork runs the imports of its parent's main module; Jupyter's server takes two seconds of processor time for its own."""
    look = (
        "import sys; from racetwin.runtime import warm_kernels; [__import__(m) for m in warm_kernels.IMPORTED]; "
        "before = set(sys.modules); import racetwin.runtime.voila_child; print(*sorted(set(sys.modules) - before))"
    )
    added = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, timeout=60, check=True).stdout
    assert {name for name in added.split() if not name.startswith("racetwin.")} == set()


async def until(condition: Callable[[], bool], what: str, within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.1)


async def test_a_kernel_ends_when_no_page_has_been_connected_for_a_while() -> None:
    kernels = ScreenKernels(cull_interval=1, cull_idle_timeout=1, alone_s=2.0, default_kernel_name="python3")
    try:
        shown, never_shown = [await kernels.start_kernel() for _ in range(2)]
        kernels.notify_connect(shown)
        await until(lambda: never_shown not in kernels, "a kernel whose page never came lives on")
        assert shown in kernels
        kernels.notify_disconnect(shown)
        kernels.notify_connect(shown)  # a page that comes back in time keeps its kernel
        await asyncio.sleep(4)
        assert shown in kernels
        kernels.notify_disconnect(shown)
        await until(lambda: shown not in kernels, "the kernel of a page that has gone lives on")
    finally:
        await kernels.shutdown_all()


async def test_a_page_waits_for_what_a_busy_machine_shows_late() -> None:
    """Where outputs come six seconds after the end of their cell, a page has its board all the same."""
    cell = """
import sys, time
sys.stdout.flush_timeout = sys.stderr.flush_timeout = 0.1  # the cell's end does not wait for its outputs
get_ipython().kernel.iopub_thread.schedule(lambda: time.sleep(6))
"the board"
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    executor = VoilaExecutor(notebook, config=configuration(), kernel_name="python3")
    async with executor.async_setup_kernel():
        shown = await executor.execute_cell(notebook.cells[0], {}, 0)
    assert [o["data"]["text/plain"] for o in shown["outputs"]] == ["'the board'"]
