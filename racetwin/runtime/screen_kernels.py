"""How long the kernel of a screen lives: until nobody has been connected to it for a while.

A browser that is closed says good-bye, and its kernel ends at once. One that is cut off does not; nor does one that was closed
before its page had come. Jupyter's own rule looks for kernels in which nothing happens, which tells nothing where a race goes on
in each of them. So it is the connection that counts. Voila asks about the kernels of pages only, never about those that still
wait for a page.
"""

from __future__ import annotations

import time

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from traitlets import Dict, Float

ALONE_S = 45.0
LOOK_EVERY_S = 10


class ScreenKernels(AsyncMappingKernelManager):
    """Jupyter's kernels, each ended when no page has been connected to it for ``alone_s`` seconds."""

    alone_s = Float(ALONE_S, help="Seconds without a connection after which a kernel ends").tag(config=True)
    _alone_since: Dict[str, float] = Dict()

    async def cull_kernel_if_idle(self, kernel_id: str) -> None:
        """End a kernel whose page has gone without a word, or that is dead; one that is at work is left alone."""
        kernel, now = self._kernels.get(kernel_id), time.monotonic()
        if kernel is None:  # its page said good-bye while others were looked at
            self._alone_since.pop(kernel_id, None)
            return
        state = kernel.execution_state
        if state != "dead":
            if self._kernel_connections.get(kernel_id, 0) > 0 or state == "busy":
                self._alone_since.pop(kernel_id, None)
                return
            if now - self._alone_since.setdefault(kernel_id, now) < self.alone_s:
                return
        self._alone_since.pop(kernel_id, None)
        await self.shutdown_kernel(kernel_id)  # type: ignore[no-untyped-call]  # Jupyter has no types there
