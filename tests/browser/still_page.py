"""A page that shows panels without a kernel: their own scripts, styles and data, and a model that only remembers.

What the browser sees is what it would see in a notebook, in a fraction of the time; what is sent back is kept in
``window.sent`` for a test to read.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

from racetwin.widgets._panel import Panel

_PAGE = """<!doctype html><html lang="en-GB"><meta charset="utf-8"><title>racetwin panels</title>
<style>html, body { margin: 0; background: %(ground)s; } .still { height: %(height)s; } %(css)s</style>
<body class="%(body)s">%(places)s<script type="module">
window.sent = []; window.models = {};
const panels = %(panels)s;
const bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
for (const panel of panels) {
  const values = { data: bytes(panel.data), outline: bytes(panel.outline), theme: panel.theme }, heard = {};
  const model = {
    get: (name) => values[name],
    set: (name, value) => { values[name] = value; (heard[`change:${name}`] ?? []).forEach((f) => f()); },
    on: (name, f) => (heard[name] ??= []).push(f),
    off: (name, f) => (heard[name] = (heard[name] ?? []).filter((g) => g !== f)),
    send: (message) => window.sent.push(message),
  };
  window.models[panel.name] = { set: (text) => model.set("data", bytes(text)), theme: (t) => model.set("theme", t) };
  const module = await import(URL.createObjectURL(new Blob([panel.esm], { type: "text/javascript" })));
  module.default.render({ model, el: document.getElementById(panel.name) });
}
document.body.dataset.ready = "yes";
</script></body></html>"""


def encode(panel: Panel) -> str:
    """A panel's data as the page takes it."""
    return base64.b64encode(panel.data).decode("ascii")


def still_page(panels: Mapping[str, Panel], *, board: bool = False, height: str = "100vh") -> str:
    """Return the page as HTML: the whole board, or one panel filling it."""
    css: list[str] = []
    entries, places = [], []
    theme = "dark"
    for name, panel in panels.items():
        css.append(str(panel._css))
        theme = panel.theme
        outline = base64.b64encode(getattr(panel, "outline", b"")).decode("ascii")
        entries.append(
            {"name": name, "esm": str(panel._esm), "data": encode(panel), "outline": outline, "theme": panel.theme}
        )
        places.append(
            f'<div id="{name}" class="rt-area-{name}"></div>' if board else f'<div id="{name}" class="still"></div>'
        )
    body = "".join(places)
    if board:
        light = " rt-light" if theme == "light" else ""
        body = f'<div class="rt-board{light}" data-page><div class="rt-board-grid">{body}</div></div>'
    return _PAGE % {
        "ground": "#0b0f14" if theme == "dark" else "#e9edf2",
        "height": height,
        "css": "\n".join(dict.fromkeys(css)),
        "body": "still",
        "places": body,
        "panels": json.dumps(entries).replace("</", "<\\/"),
    }
