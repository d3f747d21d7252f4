"""`racetwin race-day`: engine and dashboard as two processes, one URL, and nothing left behind."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from racetwin.config import Settings
from racetwin.config import settings as process_settings
from racetwin.errors import ConfigurationError
from racetwin.runtime.ports import check_free
from racetwin.runtime.sources import default_race, library_race
from racetwin.runtime.subscription import endpoints
from racetwin.telemetry.datagrams import is_loopback
from racetwin.telemetry.feed_opening import feed_spec

SCREENS_READY = 4
"""Pre-heated kernels that wait for a screen: as many as a pit wall has, so that all of them can be opened at once."""
REFILL_AFTER_S = 1.0
"""After which a kernel that a screen has taken is replaced: not while that screen is still loading."""
START_WITHIN_S = 180.0
"""On a new machine the race model is compiled first, which a slow one needs a minute or two for."""
STOP_WITHIN_S = 10.0
RESTARTS = 3
"""A process that ends by itself is started again so many times within :data:`RESTART_WINDOW_S`, then it is given up."""
RESTART_WINDOW_S = 60.0
NOTEBOOK = "01_race_day.ipynb"

Say = Callable[[str], None]


def notebook_path(name: str = NOTEBOOK) -> Path:
    """Return a notebook that comes with racetwin: from the installed package, or from the checkout it runs in."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_notebooks", package.parent / "notebooks"):
        if (folder / name).is_file():
            return folder / name
    raise ConfigurationError(f"notebook {name} is missing from this installation; install racetwin again")


@dataclass(slots=True)
class Child:
    """A process that belongs to race day: how it is started, and how one knows that it answers."""

    name: str
    command: list[str]
    environment: dict[str, str]
    url: str
    log: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    starts: list[float] = field(default_factory=list)

    def start(self) -> None:
        """Start it in a session of its own: Ctrl-C in the terminal reaches us only, and we stop it in order."""
        self.starts.append(time.monotonic())
        with contextlib.ExitStack() as files:
            errors = None if self.log is None else files.enter_context(self.log.open("ab"))
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )

    @property
    def ended(self) -> int | None:
        """Exit status once it has ended."""
        return None if self.process is None else self.process.poll()

    @property
    def why(self) -> str:
        """Where its own words on its end are."""
        return "its message is above" if self.log is None else f"{_last_line(self.log)} (more in {self.log})"

    def answers(self, client: httpx.Client) -> bool:
        """Whether it answers HTTP at all."""
        try:
            return client.get(self.url).status_code < 500
        except httpx.HTTPError:
            return False

    def may_restart(self) -> bool:
        """Whether it has not ended too often lately."""
        recent = [t for t in self.starts if time.monotonic() - t < RESTART_WINDOW_S]
        return len(recent) <= RESTARTS

    def stop(self, within_s: float = STOP_WITHIN_S) -> None:
        """End it in order, then the hard way; also whatever it has started."""
        process = self.process
        if process is None:
            return
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(within_s)
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # its session: kernels that it left behind
        if process.poll() is None:
            process.kill()
            process.wait(5)


def run_race_day(
    *,
    race: str | None = None,
    speed: float = 20.0,
    car: str | None = None,
    from_lap: int = 1,
    simulated: bool = False,
    live: bool = False,
    feeds: tuple[str, ...] = (),
    engine: str | None = None,
    settings: Settings | None = None,
    say: Say | None = None,
) -> None:
    """Start engine and dashboard, print one URL, look after both until Ctrl-C or SIGTERM, then stop both.

    Parameters
    ----------
    race, speed, from_lap
        Which race is replayed, how fast, and from where; default: the newest, or a simulated one where there are no data.
    car
        Racing number to show first.
    simulated
        A simulated race even where data are there.
    live, feeds
        Live telemetry instead: on the ports of the settings, or from the feeds named (see
        :mod:`racetwin.telemetry.feed_opening`).
    engine
        Address of an engine that runs already (several, separated by commas: the next one is gone to when one is gone); only
        the dashboard is started then.

    Raises
    ------
    ConfigurationError
        A port is taken, Voila is missing, or one of the two does not come up.
    """
    chosen = settings or process_settings()
    say = say or (lambda line: print(line, flush=True))
    if importlib.util.find_spec("voila") is None:
        raise ConfigurationError("the dashboard needs Voila, which is not installed; run: pip install racetwin")
    if not is_loopback(chosen.host) and chosen.token is None:
        raise ConfigurationError(
            f"host: {chosen.host} can be reached from other machines; set RACETWIN_TOKEN (or use 127.0.0.1)"
        )
    notebook = notebook_path()
    if engine is None:
        check_free(chosen.host, chosen.api_port, "RACETWIN_API_PORT")
    check_free(chosen.host, chosen.voila_port, "RACETWIN_VOILA_PORT")
    source: list[str] = []
    if engine is not None:
        if live or feeds or race is not None or simulated:
            raise ConfigurationError("give either a running engine or a race to run, not both")
        for one in engine.split(","):
            endpoints(one.strip())  # a wrong address is an error now, and not in the dashboard
        title = f"the dashboard of {engine}"
    elif live or feeds:
        if race is not None or simulated:
            raise ConfigurationError("give either live feeds or a race to replay, not both")
        title = ", ".join(feed_spec(f).name for f in feeds) or "live telemetry"
        source = [*(["--live"] if live else []), *(word for f in feeds for word in ("--feed", f))]
    else:
        title = _title(race, from_lap, simulated, speed, chosen)
        source = ["--speed", repr(speed), "--from-lap", str(from_lap)]
        source += ["--race", race] if race else []
        source += ["--simulated"] if simulated else []
    children = _children(source, car, chosen, notebook, engine)
    with _signals_as_interrupt():
        try:
            say(f"racetwin: starting {title} ...")
            for child in children:
                child.start()
            _await_answers(children)
            query = f"?car={car}" if car else ""
            if not is_loopback(chosen.host):
                say("racetwin: the page asks for a token; add ?token=... with one that may read")
            say(
                f"racetwin: {title} is live: {_root(chosen.host, chosen.voila_port)}/{query}   (Ctrl-C stops everything)"
            )
            _supervise(children, say)
        except KeyboardInterrupt:
            say("racetwin: stopping ...")
        finally:
            with _signals_ignored():
                for child in reversed(children):
                    child.stop()


def _title(race: str | None, from_lap: int, simulated: bool, speed: float, settings: Settings) -> str:
    """Say what will be shown; a race that is not there is an error now and not in a child's log."""
    chosen = None if simulated else (race or default_race(settings))
    if chosen is None:
        return f"a SIMULATED Grand Prix at {speed:g}x"
    info = library_race(chosen, settings, speed=speed, from_lap=from_lap).info
    return f"{info.event} ({info.race_id}) at {speed:g}x"


def _root(host: str, port: int) -> str:
    shown = "127.0.0.1" if host in ("0.0.0.0", "") else f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"


def _children(
    source: list[str],
    car: str | None,
    settings: Settings,
    notebook: Path,
    running: str | None = None,
) -> tuple[Child, ...]:
    """Return the engine and the dashboard; the dashboard alone where an engine is running."""
    environment = os.environ.copy()
    environment.update(
        RACETWIN_HOST=settings.host,
        RACETWIN_API_PORT=str(settings.api_port),
        RACETWIN_STATE=str(settings.state),
        RACETWIN_LIBRARY=str(settings.library),
        RACETWIN_DELAY_S=repr(settings.delay_s),
    )
    if settings.data is not None:
        environment["RACETWIN_DATA"] = str(settings.data.absolute())
    if settings.token is not None:
        environment["RACETWIN_TOKEN"] = settings.token.get_secret_value()
    command = [sys.executable, "-m", "racetwin.api.serve", *source]
    command += ["--follow", car] if car else []
    api = _root(settings.host, settings.api_port)
    engine = Child("engine", [*command, "--resume", "no"], environment, f"{api}/api/v1/version")
    page_folder = Path(__file__).resolve().parent.parent / "widgets" / "page"
    for_page = {
        **environment,
        "RACETWIN_ENGINE": running or f"{api.replace('http', 'ws', 1)}/ws",
        # Where Voila finds our page, which is dark from the first moment and fetches nothing from elsewhere.
        "JUPYTER_PATH": os.pathsep.join(filter(None, (str(page_folder), environment.get("JUPYTER_PATH")))),
    }
    voila = [
        *(sys.executable, "-m", "racetwin.runtime.voila_child", str(notebook)),
        f"--port={settings.voila_port}",
        f"--Voila.ip={settings.host}",
        "--no-browser",
        "--template=racetwin",
        "--theme=dark",
        "--Voila.log_level=ERROR",
        # Kernels that have run the page before anybody opens it: a screen is there as soon as its browser is.
        "--preheat_kernel=True",
        f"--pool_size={SCREENS_READY}",
        f"--VoilaKernelManager.fill_delay={REFILL_AFTER_S}",
    ]
    own_url = f"{_root(settings.host, settings.voila_port)}/voila/static/"
    page = Child("dashboard", voila, for_page, own_url, _log_file(settings, "dashboard.log"))
    return (page,) if running else (engine, page)


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return "it left no message"
    return lines[-1].strip() if lines else "it left no message"


def _log_file(settings: Settings, name: str) -> Path:
    folder = settings.state / "logs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / name
        path.write_bytes(b"")
    except OSError as error:
        raise ConfigurationError(
            f"cannot write {folder} ({error.strerror}); set RACETWIN_STATE to a folder that you can write"
        ) from None
    return path


def _await_answers(children: Sequence[Child]) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    waiting = list(children)
    # One client, without certificates: to load them ten times a second took half a core from those that are starting.
    with httpx.Client(timeout=2.0, trust_env=False, verify=False) as client:
        while waiting:
            for child in list(waiting):
                status = child.ended
                if status is not None:
                    raise ConfigurationError(f"the {child.name} did not start (exit status {status}): {child.why}")
                if child.answers(client):
                    waiting.remove(child)
            if time.monotonic() > deadline:
                names = " and ".join(c.name for c in waiting)
                raise ConfigurationError(
                    f"the {names} did not answer within {START_WITHIN_S:.0f} s; is the machine overloaded?"
                )
            time.sleep(0.1)


def _supervise(children: tuple[Child, ...], say: Say) -> None:
    while True:
        time.sleep(0.5)
        for child in children:
            status = child.ended
            if status is None:
                continue
            if not child.may_restart():
                raise ConfigurationError(
                    f"the {child.name} keeps ending (exit status {status}); its messages are above"
                )
            say(f"racetwin: the {child.name} ended (exit status {status}); starting it again")
            if "--resume" in child.command:
                child.command[child.command.index("--resume") + 1] = "yes"  # the race goes on where it was
            child.start()


@contextlib.contextmanager
def _signals_as_interrupt() -> Iterator[None]:
    """Make SIGTERM (and a terminal that is closed) end the command as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    names = [n for n in ("SIGTERM", "SIGHUP") if hasattr(signal, n)]
    before = {n: signal.signal(getattr(signal, n), interrupt) for n in names}
    before["SIGINT"] = signal.signal(signal.SIGINT, interrupt)  # also where a shell started us with SIGINT ignored
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


@contextlib.contextmanager
def _signals_ignored() -> Iterator[None]:
    """Let nothing interrupt the clearing up: a second Ctrl-C must not leave a process behind."""
    names = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]
    before = {n: signal.signal(n, signal.SIG_IGN) for n in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
