"""What is said to the engineer, and the facts it rests on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from racetwin.schemas.words import CarId, LapNumber, Model, Priority


class Fact(Model):
    """One numbered statement that advice may rest on."""

    id: int
    name: str
    value: float | int | str | bool
    unit: str = ""
    low: float | None = None
    high: float | None = None
    source: str
    receipt: str = Field(default="", description="what is needed to compute a simulated value again")
    text: str = Field(description="the fact as a sentence")


class Alternative(Model):
    """What else could be done, and how likely it is to turn out better than the best plan: if it is that, than the call.

    Probabilities are shares of races that both have run, on the same luck; in the others the two finish in the same place.
    """

    plan: str
    probability_better: float | None = Field(
        default=None, description="finishes ahead, and half of the races in which it finishes level"
    )
    probability_ahead: float | None = Field(default=None, description="finishes ahead")
    probability_behind: float | None = Field(default=None, description="finishes behind")
    text: str


class Sentence(Model):
    """One sentence of advice and the numbers of the facts that it rests on; ``part`` is the field that it stands in."""

    part: Literal["title", "description", "expected_benefit", "reasoning", "risks", "alternatives"]
    text: str
    facts: tuple[int, ...] = ()


class Checked(Model):
    """What the checker of claims found in a shown text: ``supported`` of its ``claims`` claims are its facts'."""

    claims: Annotated[int, Field(ge=0)]
    supported: Annotated[int, Field(ge=0)]
    refused: int = Field(
        default=0, description="claims of wording that was not shown: a model's, or a sentence of ours"
    )

    @property
    def share(self) -> float:
        """Share of claims that are supported; 1 for a text that claims nothing."""
        return 1.0 if not self.claims else self.supported / self.claims


class AdviceTexts(Model):
    """The texts of one recommendation."""

    title: str
    description: str
    expected_benefit: str
    reasoning: str
    risks: tuple[str, ...] = ()


class ModelWording(Model):
    """What a language model was asked to word, and what became of it.

    ``state``: it is ``asked``; its wording is ``shown``; it was ``refused`` by the checker; the model was ``unavailable``.
    ``small`` marks a model of so few parameters that it words plainly and is often refused. ``objections`` are the checker's to
    what was not shown; ``own`` is our wording of the same advice, where the model's is shown. Times are in seconds.
    """

    state: Literal["asked", "shown", "refused", "unavailable"]
    model: str = ""
    small: bool = False
    detail: str = Field(default="", description="why it is not shown, in one line")
    objections: tuple[str, ...] = ()
    claims: Annotated[int, Field(ge=0)] = 0
    supported: Annotated[int, Field(ge=0)] = 0
    attempts: Annotated[int, Field(ge=0)] = 0
    first_token_s: float | None = None
    elapsed_s: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    own: AdviceTexts | None = None


class AdviceLife(Model):
    """What became of a piece of advice since it was first given.

    ``call`` is what it comes down to, so that two equal calls read the same: ``'L24 HARD'``, ``'no stop'``, a rival's number.
    ``contender`` is another call that the newest answer preferred beyond noise, not yet often enough to change the call.
    """

    state: Literal["new", "confirmed", "changed", "withdrawn"] = "new"
    reason: str = Field(default="", description="why it changed or was withdrawn, or what keeps it")
    call: str = ""
    since_lap: LapNumber = Field(default=0, description="laps completed by the leader when it was first given")
    changed_lap: LapNumber = Field(default=0, description="... and when it last changed")
    revision: Annotated[int, Field(ge=0)] = 0
    handling: Literal["open", "accepted", "rejected"] = "open"
    pinned: bool = Field(default=False, description="stays as it is, whatever the desk says, until it cannot be done")
    by: str | None = Field(default=None, description="who accepted, rejected or pinned it")
    contender: str | None = None
    contender_lap: LapNumber | None = None
    rejected: tuple[str, ...] = Field(default=(), description="calls that the strategist has turned down")


class Recommendation(Model):
    """One piece of advice to the engineer of ``car_id``; the field names of the original system are kept."""

    id: str
    car_id: CarId
    lap: int
    priority: Priority
    title: str
    description: str
    expected_benefit: str
    reasoning: str
    execution_lap: int | None
    risks: tuple[str, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    facts: tuple[Fact, ...] = ()
    wording: Literal["rules", "model"] = "rules"
    expected_benefit_points: float | None = None
    expected_benefit_standard_error: float | None = None
    kind: str = Field(default="", description="what it is about: stop, cover, undercut, free_stop, traffic, ...")
    sentences: tuple[Sentence, ...] = Field(default=(), description="its sentences with the facts behind each")
    checked: Checked | None = Field(default=None, description="the checker's verdict on what is shown")
    worded: ModelWording | None = Field(default=None, description="None where no language model was asked")
    life: AdviceLife | None = Field(default=None, description="None where nothing was said before")


class FollowUp(Model):
    """The answer to a strategist's follow-up question, such as ``why not lap 27?``.

    ``sentences`` are what is said, each with the facts it rests on; only those are shown that the checker of claims passes.
    ``simulated`` says that races were run for it; ``elapsed_s`` is no part of the answer.
    """

    car_id: CarId
    lap: int
    question: str
    understood: str = Field(description="what was asked, as it was understood")
    call: str = Field(description="the call that the question is about")
    text: str
    sentences: tuple[Sentence, ...]
    facts: tuple[Fact, ...]
    checked: Checked
    simulated: bool = False
    partial: bool = Field(default=False, description="the deadline came before all races were run")
    elapsed_s: float | None = None
