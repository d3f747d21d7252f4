"""Secrets and what they allow: one secret for everything, or a list ``read:AAA,ingest:BBB,control:CCC``.

``read`` sees the race, ``ingest`` may send telemetry too, ``control`` may do everything.
"""

from __future__ import annotations

from typing import Literal, cast

from racetwin.config import Settings

Role = Literal["read", "ingest", "control"]
RANK: dict[str, int] = {"read": 0, "ingest": 1, "control": 2}


def tokens_of(settings: Settings) -> tuple[tuple[str, Role], ...]:
    """Return the secrets of the setting ``token`` with their roles, none if it is not set."""
    secret = settings.token.get_secret_value() if settings.token else ""
    if not secret:
        return ()
    pairs = [part.strip().partition(":") for part in secret.split(",")]
    if not all(role in RANK and word for role, _, word in pairs):
        return ((secret, "control"),)
    return tuple((word, cast(Role, role)) for role, _, word in pairs)


def secret_for(settings: Settings, role: Role) -> str | None:
    """Return a secret that allows what ``role`` may do and as little more as there is, None where none is needed."""
    fitting = [(RANK[r], word) for word, r in tokens_of(settings) if RANK[r] >= RANK[role]]
    return min(fitting)[1] if fitting else None
