"""Ports on this machine: taken ones are reported in one line that says what to do."""

from __future__ import annotations

import socket

from racetwin.errors import ConfigurationError

SEND_BUFFER = 128 * 1024


def listen(host: str, port: int, setting: str) -> socket.socket:
    """Return a socket bound to ``host:port`` (0: any free port); ``setting`` is what chooses another port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small answers at once (TCP_NODELAY) only on sockets that name their protocol.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise ConfigurationError(
            f"port {port} on {host} cannot be used ({error.strerror}); stop what holds it or set {setting} to another"
        ) from None
    # Inherited by what is accepted: a client that reads nothing may hold this much of our memory, and no more.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    sock.setblocking(False)
    return sock


def check_free(host: str, port: int, setting: str) -> None:
    """Raise :class:`ConfigurationError` if a port is taken."""
    listen(host, port, setting).close()
