"""Two network namespaces with a cable between them: two machines, as far as the network goes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

WORDS = (("a", "10.231.77.1"), ("b", "10.231.77.2"))


class Rooms:
    """The names of the namespaces, the addresses in them, and the cable."""

    def __init__(self, tag: str) -> None:
        self.names = {word: f"rt{tag}{word}" for word, _ in WORDS}
        self.address = dict(WORDS)
        self.cables = {word: f"v{tag}{word}" for word, _ in WORDS}

    def within(self, room: str) -> list[str]:
        """Return the command that runs a command in a room."""
        return ["ip", "netns", "exec", self.names[room]]

    def cable(self, up: bool) -> None:
        """Plug the cable in or pull it."""
        state = "up" if up else "down"
        _run("ip", "-n", self.names["a"], "link", "set", self.cables["a"], state)

    def ask(self, room: str, url: str, token: str | None = None) -> Any:
        """Return the JSON that an address answers with, asked from a room; OSError if it does not answer."""
        code = (
            "import sys, urllib.request as u\n"
            "r = u.Request(sys.argv[1], headers={'Authorization': 'Bearer ' + sys.argv[2]} if sys.argv[2] else {})\n"
            "sys.stdout.write(u.build_opener(u.ProxyHandler({})).open(r, timeout=2).read().decode())"
        )
        done = subprocess.run(
            [*self.within(room), sys.executable, "-S", "-c", code, url, token or ""], capture_output=True, text=True
        )
        if done.returncode:
            raise OSError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no answer")
        return json.loads(done.stdout)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


@contextmanager
def two_rooms() -> Iterator[Rooms]:
    """Make the two rooms; skips the test where that is not possible."""
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and iproute2")
    rooms = Rooms(str(os.getpid() % 100_000))
    try:
        try:
            for name in rooms.names.values():
                _run("ip", "netns", "add", name)
            one, other = rooms.names.values()
            _run("ip", "link", "add", rooms.cables["a"], "netns", one, "type", "veth", "peer", "name", rooms.cables["b"],
                 "netns", other)  # fmt: skip
            for word, name in rooms.names.items():
                _run("ip", "-n", name, "addr", "add", f"{rooms.address[word]}/24", "dev", rooms.cables[word])
                _run("ip", "-n", name, "link", "set", rooms.cables[word], "up")
                _run("ip", "-n", name, "link", "set", "lo", "up")
        except OSError as error:
            pytest.skip(f"network namespaces cannot be made here: {error}")
        yield rooms
    finally:
        for name in rooms.names.values():
            with contextlib.suppress(OSError):
                _run("ip", "netns", "del", name)
