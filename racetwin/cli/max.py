"""`racetwin max`: a MAX server on this machine, and the small model for machines without one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from racetwin.cli.output import console, print_json
from racetwin.config import Settings, settings
from racetwin.errors import ConfigurationError
from racetwin.servers import MaxServer, Status, fetch_small_model, find_max, install_max
from racetwin.servers.max_environment import Serving, gpu, serving, small_serving

app = typer.Typer(help="Run the language-model server that words the advice.", no_args_is_help=True)
INSTALL_HINT = "MAX is not installed; install it into an environment of its own: racetwin max install"
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("install")
def install() -> None:
    """Install MAX into an environment of its own, in the cache (1.3 GB, once).

    Example: `racetwin max install`
    """
    typer.echo(f"MAX is at {install_max(settings(), typer.echo)}")


@app.command("fetch-small")
def fetch_small() -> None:
    """Fetch the small model SmolLM2-135M-Instruct (93 MB, Apache-2.0) for `--small` and for the extra [llm].

    Example: `racetwin max fetch-small`
    """
    typer.echo(f"The small model is at {fetch_small_model(settings())}")


@app.command("start")
def start(
    model: Annotated[
        str | None, typer.Option(help="Model to serve: a name on the hub, or a folder. Default: Llama-3.1-8B-Instruct.")
    ] = None,
    small: Annotated[bool, typer.Option("--small", help="Serve SmolLM2-135M-Instruct: no hub, no GPU, 2 GB.")] = False,
    port: Annotated[int, typer.Option(help="Port on loopback.", min=1, max=65535)] = 8000,
    cpu: Annotated[bool, typer.Option("--cpu", help="Serve on the CPU even where there is a GPU.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait until it answers.")] = True,
    show: Annotated[bool, typer.Option("--show", help="Print the command and start nothing.")] = False,
) -> None:
    """Start MAX with the flags for this hardware, and keep it up: it is started again when it dies or hangs.

    Example: `racetwin max start --small`
    """
    now = settings()
    chosen = _serving(now, model, small=small, port=port, cpu=cpu)
    if show:
        typer.echo(" ".join(chosen.command))
        return
    server = MaxServer(now)
    server.start(chosen)
    if not wait:
        typer.echo(f"MAX starts; see: racetwin max status (log: {server.log})")
        return
    with console.status(f"MAX loads {chosen.model} (minutes the first time; log: {server.log})"):
        status = server.wait(3600.0)
    if status.state != "ready":
        raise ConfigurationError(f"MAX is {status.state}: {status.detail or 'see its log'} ({server.log})")
    typer.echo(f"MAX serves {status.model} at {status.url}")
    if chosen.url != now.llm_url:
        typer.echo(f"Let racetwin use it: export RACETWIN_LLM_URL={status.url}")


@app.command("status")
def status(as_json: Json = False) -> None:
    """Say how the MAX server of this user stands; exit code 1 if it does not answer.

    Example: `racetwin max status --json`
    """
    found = MaxServer(settings()).status()
    if as_json:
        print_json(asdict(found))
    else:
        typer.echo(_told(found))
    if found.state != "ready":
        raise typer.Exit(1)


@app.command("stop")
def stop() -> None:
    """Stop the MAX server and what watches it.

    Example: `racetwin max stop`
    """
    typer.echo("MAX is stopped." if MaxServer(settings()).stop() else "MAX was not running.")


def _serving(now: Settings, model: str | None, *, small: bool, port: int, cpu: bool) -> Serving:
    if small and model is not None:
        raise ConfigurationError("--small and --model: give one of them")
    program = find_max(now)
    if program is None:
        raise ConfigurationError(INSTALL_HINT)
    given = model
    if model is not None and model.startswith((".", "/", "~")):
        folder = Path(model).expanduser()
        if not folder.exists():
            raise ConfigurationError(f"--model: there is no {folder}; expected a folder, or a name on the hub")
        given = str(folder.resolve())
    on_gpu = gpu() is not None and not cpu
    if small:
        return small_serving(now, program, port=port, on_gpu=on_gpu, say=typer.echo)
    return serving(program, port=port, cache=now.cache, on_gpu=on_gpu, model=given)


def _told(found: Status) -> str:
    words = {
        "stopped": "MAX is not running",
        "starting": f"MAX loads {found.model}",
        "ready": f"MAX serves {found.model} at {found.url}",
        "restarting": f"MAX is started again: {found.detail}",
        "failed": f"MAX failed: {found.detail}",
    }[found.state]
    restarted = f", restarted {found.restarts} {'time' if found.restarts == 1 else 'times'}" if found.restarts else ""
    log = f" (log: {found.log})" if found.state != "stopped" else ""
    return f"{words}{restarted}{log}"
