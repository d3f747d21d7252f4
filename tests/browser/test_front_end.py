"""The page's own front end: what it draws itself, what it leaves to Voila's, and what it does when its kernel goes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import racetwin.widgets

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PATIENCE_MS = 60_000
PANEL = """
import struct, anywidget, ipywidgets, traitlets
class Counter(anywidget.AnyWidget):
    _esm = '''export default { render({ model, el }) {
      const button = document.createElement("button");
      const draw = () => (button.textContent = new Float32Array(model.get("data").buffer)[0] + " " + model.get("word"));
      button.onclick = () => model.send({ more: 2 });
      model.on("change:data", draw);
      el.append(button);
      draw();
    } };'''
    _css = ".marked button { color: rgb(1, 2, 3); }"
    data = traitlets.Bytes(struct.pack("<f", 1)).tag(sync=True)
    word = traitlets.Unicode("laps").tag(sync=True)
def more(widget, content, buffers):
    (now,) = struct.unpack("<f", widget.data)
    widget.data = struct.pack("<f", now + content["more"])
    widget.add_class("marked")
counter = Counter()
counter.on_msg(more)
ipywidgets.Box([counter], layout=ipywidgets.Layout(width="321px"))
"""
PROOF = {"Cookie": "_xsrf=ab12", "X-XSRFToken": "ab12"}
SLIDER = "import ipywidgets\nipywidgets.IntSlider(description='laps', value=7)"


def notebook(path: Path, source: str) -> Path:
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(json.dumps({"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
    return path


@contextmanager
def served(path: Path) -> Iterator[str]:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    page = Path(racetwin.widgets.__file__).parent / "page"
    command = [sys.executable, "-m", "racetwin.runtime.voila_child", str(path), f"--port={port}", "--no-browser"]
    command += ["--template=racetwin", "--theme=dark", "--preheat_kernel=True", "--pool_size=1"]
    environment = os.environ | {"JUPYTER_PATH": str(page)}
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{url}voila/static/", trust_env=False)
                break
            except httpx.HTTPError:
                assert time.monotonic() < deadline, "Voila did not come up"
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def kernel_of(page: Any) -> str:
    config = page.locator("#jupyter-config-data").inner_text()
    return str(json.loads(config)["kernelId"])


def test_panels_are_drawn_without_voilas_front_end(tmp_path: Path, open_page: Callable[..., Any]) -> None:
    with served(notebook(tmp_path / "panel.ipynb", PANEL)) as url:
        asked: list[str] = []
        page = open_page("about:blank")
        page.on("request", lambda r: asked.append(r.url))
        page.goto(url)
        button = page.locator("button")
        button.wait_for(timeout=PATIENCE_MS)
        assert button.inner_text() == "1 laps"
        assert page.locator("div", has=button).last.evaluate("node => node.parentElement.style.width") == "321px"
        button.click()
        page.get_by_text("3 laps").wait_for(timeout=PATIENCE_MS)
        page.locator(".marked button").wait_for(timeout=PATIENCE_MS)  # a class that Python has added
        assert button.evaluate("node => getComputedStyle(node).color") == "rgb(1, 2, 3)"
        assert not any("voila.js" in one for one in asked)

        kernel = kernel_of(page)
        assert httpx.get(f"{url}api/kernels/{kernel}", trust_env=False).status_code == 200
        page.goto("about:blank")  # it says good-bye
        deadline = time.monotonic() + 20
        while httpx.get(f"{url}api/kernels/{kernel}", trust_env=False).status_code != 404:
            assert time.monotonic() < deadline, "the kernel of a page that was closed lives on"
            time.sleep(0.2)


def test_a_page_whose_kernel_has_gone_begins_again(tmp_path: Path, chromium: Any) -> None:
    with served(notebook(tmp_path / "panel.ipynb", PANEL)) as url:
        page = chromium.new_page()
        page.goto(url)
        page.locator("button").wait_for(timeout=PATIENCE_MS)
        page.locator("button").click()
        page.get_by_text("3 laps").wait_for(timeout=PATIENCE_MS)
        gone = kernel_of(page)
        answer = httpx.delete(f"{url}api/kernels/{gone}", headers=PROOF, trust_env=False)
        assert answer.status_code == 204, answer.text
        page.get_by_text("1 laps").wait_for(timeout=PATIENCE_MS)
        assert kernel_of(page) != gone
        page.close()


def test_other_widgets_are_left_to_voila(tmp_path: Path, open_page: Callable[..., Any]) -> None:
    with served(notebook(tmp_path / "slider.ipynb", SLIDER)) as url:
        page = open_page(url)
        page.locator(".widget-slider").wait_for(timeout=PATIENCE_MS)
        assert page.locator(".widget-readout").inner_text() == "7"
        assert page.locator(".widget-label").first.inner_text() == "laps"
