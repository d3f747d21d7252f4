"""The life of advice: new, confirmed, changed because ..., withdrawn because ...; and what the strategist did with it.

What was said is the only memory: advice carries its own life, so whoever keeps the newest advice (the journal) can go on from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from racetwin.errors import InputError
from racetwin.schemas import AdviceLife, DeskAnswer, Fact, Priority, Recommendation, Sentence

if TYPE_CHECKING:
    from racetwin.strategist.calls import Choice
    from racetwin.strategist.draft import Draft

Action = Literal["accept", "reject", "pin", "unpin", "reopen"]
ACTIONS: tuple[Action, ...] = ("accept", "reject", "pin", "unpin", "reopen")


class Gone(NamedTuple):
    """Why advice does not stand any more, and the fact of now that says so where there is one."""

    reason: str
    fact: Fact | None = None


def standing(said: Sequence[Recommendation], kind: str, call: str | None = None) -> Recommendation | None:
    """Return the advice of a kind (and of a call) that was not withdrawn, None if there is none."""
    for r in said:
        life = r.life
        if r.kind == kind and life is not None and life.state != "withdrawn" and call in (None, life.call):
            return r
    return None


def in_order(advice: Sequence[Recommendation]) -> tuple[Recommendation, ...]:
    """Sort: what stands before what was withdrawn or rejected, the most urgent first."""
    rank = list(Priority)

    def key(r: Recommendation) -> tuple[bool, bool, int]:
        life = r.life
        gone = life is not None and life.state == "withdrawn"
        return gone, life is not None and life.handling == "rejected", rank.index(r.priority)

    return tuple(sorted(advice, key=key))


def settle(
    drafts: Sequence[Draft],
    said: Sequence[Recommendation],
    answer: DeskAnswer,
    lap: int,
    choice: Choice | None,
    why_gone: Callable[[Recommendation], Gone],
    retired: Sequence[str] = (),
) -> tuple[Recommendation, ...]:
    """Give each draft the life it goes on with, and withdraw what was said and is not said any more.

    ``lap`` is what the leader has completed; ``choice`` how the call came about; ``why_gone`` tells why advice does not hold
    any more; ``retired`` are the drivers who are out of the race.
    """
    out: list[Recommendation] = []
    kept: set[str] = set()
    taken = {r.id for r in said}
    for draft in drafts:
        checked = draft.check(retired)
        old = standing(said, draft.kind, None if draft.kind == "stop" else draft.call)
        if old is None or old.life is None:
            identity = _identity(answer.car_id, draft.kind, lap, taken)
            taken.add(identity)
            life = AdviceLife(call=draft.call, since_lap=lap, changed_lap=lap)
        else:
            identity = old.id
            kept.add(identity)
            life = _go_on(old.life, draft, lap, answer.lap, choice if draft.kind == "stop" else None)
        out.append(draft.finish(identity, answer.car_id, lap, life, checked))
    for old in said:
        if old.life is None or old.id in kept:
            continue
        if old.life.state == "withdrawn":
            if old.life.changed_lap >= lap - 1 and old.lap <= lap:  # it is read for a lap, then it is history
                out.append(old)
        elif old.life.handling != "rejected":
            out.append(_withdrawn(old, lap, *why_gone(old)))
        elif old.kind == "stop":  # every call was turned down: what was last said remembers that
            out.append(old)
    return in_order(out)


def _identity(car_id: str, kind: str, lap: int, taken: set[str]) -> str:
    """Name a piece of advice by car, kind and the lap it was first given after; a letter where that is taken."""
    plain = f"{car_id}-{kind}-{lap}"
    names = (plain, *(f"{plain}{letter}" for letter in "bcdefghijklmnopqrstuvwxyz"))
    return next((n for n in names if n not in taken), f"{plain}-{len(taken)}")


def _go_on(life: AdviceLife, draft: Draft, lap: int, answer_lap: int, choice: Choice | None) -> AdviceLife:
    if choice is not None and choice.changed:
        rejected = life.rejected
        if life.handling == "rejected":
            rejected = (*rejected, life.call)
        return AdviceLife(
            state="changed",
            reason=draft.reason,
            call=draft.call,
            since_lap=life.since_lap,
            changed_lap=lap,
            revision=life.revision + 1,
            rejected=rejected,
        )
    doubt = choice is not None and choice.why == "once"
    contender = contender_lap = None
    if doubt and choice is not None:
        contender = choice.best.plan
        contender_lap = life.contender_lap if life.contender_lap is not None else answer_lap
    fresh = lap <= life.changed_lap  # the same moment once more confirms nothing
    return life.model_copy(
        update={
            "state": life.state if fresh else "confirmed",
            "reason": life.reason if fresh and not draft.reason else draft.reason,
            "contender": contender,
            "contender_lap": contender_lap,
        }
    )


def withdraw(said: Sequence[Recommendation], lap: int, reason: str) -> tuple[Recommendation, ...]:
    """Withdraw everything that stands, for one reason."""
    return tuple(_withdrawn(r, lap, reason) for r in said if r.life is not None and r.life.state != "withdrawn")


def boxed(said: Sequence[Recommendation], lap: int) -> tuple[Recommendation, ...]:
    """Withdraw what stands because the car boxes at the end of its lap ``lap``: a stop that was called is done."""
    out = []
    for r in said:
        if r.life is None or r.life.state == "withdrawn":
            continue
        called = r.kind == "stop" and r.execution_lap == lap
        out.append(_withdrawn(r, lap, "Done: the car boxes as called." if called else "The car boxes."))
    return tuple(out)


def _withdrawn(r: Recommendation, lap: int, reason: str, fact: Fact | None = None) -> Recommendation:
    assert r.life is not None
    life = r.life.model_copy(
        update={
            "state": "withdrawn",
            "reason": reason,
            "changed_lap": lap,
            "pinned": False,
            "contender": None,
            "contender_lap": None,
        }
    )
    title = r.title.removeprefix("Withdrawn: ")
    facts, rests_on = (r.facts, ()) if fact is None else _with(r.facts, fact)
    # The words change too: a reader that knows nothing of lives must not take it for advice.
    return r.model_copy(
        update={
            "priority": Priority.OPTIONAL,
            "title": f"Withdrawn: {title}",
            "description": reason,
            "expected_benefit": "",
            "reasoning": "",
            "execution_lap": None,
            "risks": (),
            "alternatives": (),
            "wording": "rules",
            "expected_benefit_points": None,
            "expected_benefit_standard_error": None,
            "sentences": (
                Sentence(part="title", text=f"Withdrawn: {title}"),
                Sentence(part="description", text=reason, facts=rests_on),
            ),
            "facts": facts,
            "checked": None,
            "worded": None,
            "life": life,
        }
    )


def _with(facts: Sequence[Fact], fact: Fact) -> tuple[tuple[Fact, ...], tuple[int]]:
    """Put a newer fact in the place of the one of its name, or last; and return its number."""
    number = next((f.id for f in facts if f.name == fact.name), len(facts) + 1)
    numbered = fact.model_copy(update={"id": number})
    others = [f for f in facts if f.id != number]
    return tuple(sorted((*others, numbered), key=lambda f: f.id)), (number,)


def decide(
    said: Sequence[Recommendation], advice_id: str, action: Action, by: str = "strategist"
) -> tuple[Recommendation, ...]:
    """Note what the strategist does with a piece of advice.

    Accepted advice stays until the desk is clearly against it; pinned advice until it cannot be done any more, whatever the
    desk says; rejected advice is not given again while the track stays as it is. ``reopen`` takes back accepting and rejecting.

    Raises
    ------
    InputError
        If there is no such advice, or it was withdrawn.
    """
    if action not in ACTIONS:
        raise InputError(f"action: {action!r}, expected one of {', '.join(ACTIONS)}")
    found = next((r for r in said if r.id == advice_id), None)
    if found is None or found.life is None:
        known = ", ".join(r.id for r in said) or "there is none"
        raise InputError(f"advice: {advice_id!r} is not given now; given: {known}")
    if found.life.state == "withdrawn":
        raise InputError(f"advice: {advice_id!r} was withdrawn; nothing is left to {action}")
    change: dict[str, object] = {"by": by}
    if action == "accept":
        change |= {"handling": "accepted"}
    elif action == "reject":
        change |= {"handling": "rejected", "pinned": False}
    elif action == "reopen":
        change |= {"handling": "open", "pinned": False, "by": None}
    else:
        change |= {"pinned": action == "pin"}
        if action == "pin" and found.life.handling == "rejected":
            change |= {"handling": "open"}
    decided = found.model_copy(update={"life": found.life.model_copy(update=change)})
    return in_order([decided if r is found else r for r in said])
