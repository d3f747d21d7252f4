"""What a check of a text comes to: how many of its claims the facts carry, and what is objected to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Objection:
    """One thing in a text that its facts do not carry."""

    sentence: str
    claim: str
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checker found: ``supported`` of ``claims`` claims, and an objection for each other one."""

    claims: int
    supported: int
    objections: tuple[Objection, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing was objected to."""
        return not self.objections

    @property
    def share(self) -> float:
        """Share of claims that are supported; 1 for a text that claims nothing."""
        return 1.0 if not self.claims else self.supported / self.claims
