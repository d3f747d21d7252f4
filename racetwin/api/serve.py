"""`racetwin serve`: the engine and its API in one process, on one event loop."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

from racetwin.api.app import create_app
from racetwin.api.responsive import responsive
from racetwin.api.security import Policy
from racetwin.api.server import Server, tls
from racetwin.config import Settings
from racetwin.config import settings as process_settings
from racetwin.errors import RacetwinError
from racetwin.runtime.ports import listen
from racetwin.runtime.session import EngineSession, open_session

Say = Callable[[str], None]


def run_server(
    *,
    race: str | None = None,
    speed: float = 1.0,
    from_lap: int = 1,
    simulated: bool = False,
    live: bool = False,
    feeds: tuple[str, ...] = (),
    settings: Settings | None = None,
    resume: bool | None = None,
    follow: tuple[str, ...] = (),
    standby_of: str | None = None,
    stop_with_stdin: bool = False,
    say: Say | None = None,
) -> None:
    """Run the engine with its API until SIGINT or SIGTERM.

    Parameters
    ----------
    race, speed, from_lap
        Which race of the library is replayed, how fast, and from where; no race: the newest one, or a simulated one.
    simulated
        Feed from the simulator.
    live
        Take telemetry from the network instead: the WebSocket and UDP ports of the settings, and ``POST /api/v1/telemetry``.
    feeds
        Live feeds to open instead of those ports, the most preferred first (see :mod:`racetwin.telemetry.feed_opening`).
    resume
        Go on with the run that the journal holds; None: if it was cut off, not if it was closed in order.
    follow
        Cars whose plans are kept from the start.
    standby_of
        Address of an engine to follow; this one takes the race over when that one is gone.
    stop_with_stdin
        End when standard input does, so that the engine does not outlive whoever started it.
    say
        Where lines for the operator go; default: standard output.
    """
    chosen = settings or process_settings()
    policy = Policy.of(chosen)  # refuses a wide host without a token before anything is opened
    tls(chosen)
    sock = listen(chosen.host, chosen.api_port, "RACETWIN_API_PORT")
    say = say or (lambda line: print(line, flush=True))
    try:
        session = open_session(
            chosen,
            race=race,
            speed=speed,
            from_lap=from_lap,
            simulated=simulated,
            live=live,
            feeds=feeds,
            resume=resume,
            standby_of=standby_of,
        )
        session.say = say
    except BaseException:
        sock.close()
        raise
    for note in session.notes:
        say(note)
    if not policy.loopback:
        say(f"racetwin: {chosen.host} can be reached from other machines; a token is required")
    asyncio.run(_serve(session, sock, chosen, follow, stop_with_stdin, say))


async def _serve(
    session: EngineSession,
    sock: socket.socket,
    settings: Settings,
    follow: tuple[str, ...],
    stop_with_stdin: bool,
    say: Say,
) -> None:
    loop = asyncio.get_running_loop()
    runner = session.build(report=lambda error: print(f"racetwin: {error}", file=sys.stderr, flush=True))
    if follow:
        runner.follow(follow)
    app = create_app(runner, settings)
    server = Server(app, settings)
    stopping = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows has no signal handlers on loops
            loop.add_signal_handler(name, stopping.set)
    if stop_with_stdin:
        threading.Thread(target=_until_stdin_ends, args=(loop, stopping), daemon=True).start()
    host, port = sock.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    s = "s" if settings.tls_certificate else ""
    say(f"racetwin: {session.label} on http{s}://{shown}:{port} (WebSocket ws{s}://{shown}:{port}/ws)")
    engine = asyncio.create_task(runner.run(linger=True), name="engine")
    web = asyncio.create_task(server.serve(sockets=[sock]), name="web")
    waiter = asyncio.create_task(stopping.wait(), name="signals")
    async with responsive(runner):
        done, _ = await asyncio.wait({engine, web, waiter}, return_when=asyncio.FIRST_COMPLETED)
    # In order: no more questions and frames, everything accepted on disk, then the doors close.
    server.leave()
    runner.stop()
    results = await asyncio.gather(engine, return_exceptions=True)
    server.should_exit = True
    await asyncio.gather(web, return_exceptions=True)
    waiter.cancel()
    session.close()
    for result in results:
        if isinstance(result, Exception):
            raise result
    if web in done:
        raise RacetwinError("the web server ended by itself; its log says why")


def _until_stdin_ends(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    with contextlib.suppress(OSError, ValueError):
        while sys.stdin.buffer.read(4096):
            pass
    with contextlib.suppress(RuntimeError):  # the loop has ended by itself
        loop.call_soon_threadsafe(stopping.set)


@contextlib.asynccontextmanager
async def serving(
    session: EngineSession,
    settings: Settings,
    *,
    follow: tuple[str, ...] = (),
    rate_hz: float = 20.0,
    wrap: Callable[[Any], Any] = lambda feed: feed,
    report: Callable[[Exception], None] | None = None,
) -> AsyncIterator[tuple[str, Any]]:
    """Serve a session inside a running loop; yields its address and the engine.

    For programs that bring their own loop (benchmarks, tests); ``wrap`` may put something around the feed;
    ``report`` is told of faults.
    """
    sock = listen(settings.host, settings.api_port, "RACETWIN_API_PORT")
    host, port = sock.getsockname()[:2]
    runner = session.build(report=report, rate_hz=rate_hz)
    runner.feed = wrap(runner.feed)
    if follow:
        runner.follow(follow)
    server = Server(create_app(runner, settings), settings)
    engine = asyncio.create_task(runner.run(linger=True))
    web = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        while not server.started and not web.done():
            await asyncio.sleep(0.01)
        async with responsive(runner):
            yield f"http://{host}:{port}", runner
    finally:
        server.leave()
        runner.stop()
        await asyncio.gather(engine, return_exceptions=True)
        server.should_exit = True
        await asyncio.gather(web, return_exceptions=True)
        session.close()


def main(argv: list[str] | None = None) -> int:
    """Run as a child of `racetwin race-day`: the same as `racetwin serve`, ending with its parent."""
    parser = argparse.ArgumentParser(prog="racetwin serve")
    parser.add_argument("--race")
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--from-lap", type=int, default=1)
    parser.add_argument("--simulated", action="store_true")
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--feed", action="append", default=[])
    parser.add_argument("--resume", choices=("yes", "no", "auto"), default="auto")
    parser.add_argument("--follow", action="append", default=[])
    given = parser.parse_args(argv)
    try:
        run_server(
            race=given.race,
            speed=given.speed,
            from_lap=given.from_lap,
            simulated=given.simulated,
            live=given.live,
            feeds=tuple(given.feed),
            resume={"yes": True, "no": False, "auto": None}[given.resume],
            follow=tuple(given.follow),
            stop_with_stdin=True,
            say=lambda _: None,
        )
    except RacetwinError as error:
        print(f"racetwin: {error}", file=sys.stderr, flush=True)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
