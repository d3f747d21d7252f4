"""What every panel is made of: one binary trait for its data, and its script and style read from beside the module."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import numpy.typing as npt
import orjson
import traitlets

_HERE = Path(__file__).parent
_IMPORT = re.compile(r'^import\s*\{[^}]*\}\s*from\s*"\./format\.js";\s*$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=function|const|class)", re.MULTILINE)


def script(name: str) -> str:
    """Return a panel's JavaScript as one module: the shared helpers, then ``<name>.js`` without its import of them.

    An anywidget is one module, and a second request to fetch the helpers from elsewhere would be one more thing that can fail
    on race day.
    """
    shared = _EXPORT.sub("", (_HERE / "format.js").read_text(encoding="utf-8"))
    own, found = _IMPORT.subn("", (_HERE / f"{name}.js").read_text(encoding="utf-8"))
    if found != 1:
        raise ValueError(f'{name}.js: {found} imports from "./format.js", expected 1')
    return f"{shared}\n{own}"


def style(*names: str) -> str:
    """Return the shared theme and the named style sheets as one."""
    return "\n".join((_HERE / f"{name}.css").read_text(encoding="utf-8") for name in ("theme", *names))


def pack(head: Mapping[str, Any], **arrays: npt.ArrayLike) -> bytes:
    """Pack a JSON head and float32 arrays into the one binary value that a panel draws from.

    The parts of a picture travel together, so a panel never shows half of one instant and half of the next.

    Parameters
    ----------
    head
        Anything JSON can hold; ``NaN`` becomes ``null``.
    **arrays
        Numbers of any shape, sent as little-endian float32 (a gap of 100 s keeps 10 microseconds); missing values as NaN.

    Returns
    -------
    bytes
        uint32 length of the head, the head (which lists the arrays' shapes), padding to a multiple of 4, the arrays.
    """
    numbers = {name: np.ascontiguousarray(values, dtype="<f4") for name, values in arrays.items()}
    shapes = {"arrays": {name: list(values.shape) for name, values in numbers.items()}}
    text = orjson.dumps({**head, **shapes}, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
    padding = b"\0" * (-len(text) % 4)
    return b"".join((struct.pack("<I", len(text)), text, padding, *(values.tobytes() for values in numbers.values())))


def unpack(data: bytes) -> dict[str, Any]:
    """Return what :func:`pack` packed, arrays under their names: what the panel shows, for tests and screen scrapers."""
    (length,) = struct.unpack_from("<I", data)
    head: dict[str, Any] = orjson.loads(data[4 : 4 + length])
    at = 4 + length + (-length % 4)
    for name, shape in head.pop("arrays").items():
        size = int(np.prod(shape))
        head[name] = np.frombuffer(data, dtype="<f4", count=size, offset=at).reshape(shape)
        at += 4 * size
    return head


class Panel(anywidget.AnyWidget):  # type: ignore[misc]  # anywidget has no types
    """Base of the panels: ``data`` is what is drawn (see :func:`pack`), ``theme`` is ``'dark'`` or ``'light'``.

    Data flow one way, from Python to the screen. What a viewer does (choose a car, pick a plan) comes back as a message to
    the functions registered with :meth:`on_choice`, never as a changed trait, so the writer of the data and the viewer
    cannot overwrite each other.
    """

    outbox: dict[str, bytes] | None = None
    """Where a board that sends its pictures together collects them; None: each panel sends its own."""
    data = traitlets.Bytes(b"").tag(sync=True)
    theme = traitlets.Enum(("dark", "light"), default_value="dark").tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._choices: list[Callable[[dict[str, Any]], None]] = []
        self.on_msg(self._hear)

    def send_state(self, key: str | Iterable[str] | None = None) -> None:
        """Send what has changed, as every widget does; a picture that a board collects is left to the board."""
        if self.outbox is not None and key == "data":
            self.outbox[self.model_id] = self.data
        else:
            super().send_state(key)

    def on_choice(self, act: Callable[[dict[str, Any]], None]) -> None:
        """Call ``act`` with each message of a viewer, such as ``{"choose": "44"}``."""
        self._choices.append(act)

    def _hear(self, _widget: object, content: Any, _buffers: object) -> None:
        if isinstance(content, dict):
            for act in self._choices:
                act(content)

    def shown(self) -> dict[str, Any]:
        """Return what the panel shows now, as plain values; empty before the first picture."""
        return unpack(self.data) if self.data else {}

    def __repr__(self) -> str:
        """Name the panel, the same each run: no binary data, no object address."""
        return f"{type(self).__name__}()"
