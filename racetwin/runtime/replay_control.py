"""What may be asked of a replay while it runs: hold it, go on, its pace, another lap, single frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from racetwin.errors import InputError
from racetwin.telemetry.replay import Replay

ACTIONS = ("pause", "resume", "speed", "seek", "step")


def change_of(feed: Any, action: str, value: float | None, *, only_forward: bool) -> Callable[[], None]:
    """Return the function that does it, to be called between two frames.

    Parameters
    ----------
    value
        ``speed``: times real time; ``seek``: the leader's lap to go to; ``step``: frames to let through while it is held.
    only_forward
        Whether the engine keeps a journal: what it has taken in cannot be taken back.

    Raises
    ------
    InputError
        If there is no such action, the feed is no replay, or the value is none.
    """
    if action not in ACTIONS:
        raise InputError(f"action: {action!r}, expected one of {', '.join(ACTIONS)}")
    if not isinstance(feed, Replay):
        raise InputError(f"{action}: this feed is live and goes at its own pace")
    if action == "pause":
        return feed.pause
    if action == "resume":
        return feed.resume
    if action == "speed":
        return lambda: feed.set_speed(value)
    whole = int(value) if value is not None and value == int(value) and value >= 1 else None
    if whole is None:
        what = "a lap" if action == "seek" else "a number of frames"
        raise InputError(f"{action}: {value!r}, expected {what}, 1 or more")
    if action == "step":
        return lambda: feed.step(whole)
    if whole <= feed.lap and (only_forward or not feed.can_rewind):
        raise InputError(
            f"seek: lap {whole} has passed (now lap {feed.lap}), and this engine goes forward only;"
            f" LiveRace.at({whole - 1}) shows what was known"
        )
    return lambda: feed.seek(whole)
