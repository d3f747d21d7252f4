"""A language model words a recommendation; the checker decides whether that wording is shown.

What is recommended, how urgent it is and when to act are ours and stay as they are. The model gets the numbered facts and says it
in its own words. What fails the checker is asked for once more with the objection, and then our own wording stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from racetwin.schemas import Recommendation
from racetwin.strategist.checker import Checker, Objection, Verdict
from racetwin.strategist.client import Answer, ModelClient, ModelUnavailableError


class Sentence(BaseModel):
    """One sentence and the numbers of the facts it rests on."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    text: str = Field(min_length=1, max_length=300)
    facts: tuple[int, ...] = ()


class Wording(BaseModel):
    """What the model is asked for."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    title: str = Field(min_length=1, max_length=80)
    description: tuple[Sentence, ...] = Field(min_length=1, max_length=3)
    expected_benefit: tuple[Sentence, ...] = Field(min_length=1, max_length=2)
    reasoning: tuple[Sentence, ...] = Field(min_length=1, max_length=4)
    risks: tuple[Sentence, ...] = Field(default=(), max_length=3)

    def texts(self) -> tuple[str, ...]:
        """Every text of it, title first."""
        parts = (*self.description, *self.expected_benefit, *self.reasoning, *self.risks)
        return (self.title, *(s.text for s in parts))


SCHEMA: dict[str, Any] = Wording.model_json_schema()

_RULES = """You word pit-wall advice for a Formula 1 race engineer.
You are given a decision that has been made and numbered facts.
Say why, in short plain sentences, for someone who has twenty seconds.
Rules:
- Use only the facts. Every number, driver, lap and tyre must be in a fact, with its unit, as written there.
- Never give a cause that is not a fact. Never mention a car that no fact mentions.
- After each sentence give the numbers of the facts it rests on.
Answer with one JSON object and nothing else, in exactly this form:
{"title": "...", "description": [{"text": "...", "facts": [1]}], "expected_benefit": [{"text": "...", "facts": [2]}],
 "reasoning": [{"text": "...", "facts": [3]}], "risks": [{"text": "...", "facts": [4]}]}

Example. Decision: Box this lap for HARD. Facts:
1. Plan: L24 HARD.
2. 'L24 HARD' is worth 15.10 points on average (standard error 0.05).
3. Boxing at the end of lap 24 it rejoins P8 (70% likely).
4. NOR is then 0.9 s ahead.
Answer:
{"title": "Box this lap for HARD", "description": [{"text": "Box on lap 24 for HARD tyres.", "facts": [1]}],
 "expected_benefit": [{"text": "The plan is worth 15.10 points on average.", "facts": [2]}],
 "reasoning": [{"text": "We rejoin P8 with a probability of 70%.", "facts": [3]}],
 "risks": [{"text": "We rejoin 0.9 s behind NOR.", "facts": [4]}]}"""


@dataclass(frozen=True, slots=True)
class Worded:
    """A recommendation as it is shown, and how its wording came about.

    ``verdict`` is the checker's on what is shown; ``refused`` the objections to what was not; ``answers`` what the model said.
    """

    recommendation: Recommendation
    verdict: Verdict
    refused: tuple[Objection, ...] = ()
    answers: tuple[Answer, ...] = ()
    unavailable: str | None = None


def messages(recommendation: Recommendation, objections: tuple[Objection, ...] = ()) -> list[dict[str, str]]:
    """Lay out the question: the part that never changes first, so that a server can keep its work on it."""
    r = recommendation
    facts = "\n".join(f"{f.id}. {f.text}" for f in r.facts)
    question = f"Decision: {r.title}. {r.description}\nPriority: {r.priority.value}. Facts:\n{facts}\nAnswer:"
    if objections:
        said = "\n".join(f"- '{o.sentence}': {o.claim}: {o.why}" for o in objections[:5])
        question += f"\nYour last answer was refused:\n{said}\nSay only what the facts say."
    return [{"role": "system", "content": _RULES}, {"role": "user", "content": question}]


def parse(text: str) -> Wording:
    """Read the model's answer; small models put words or fences around the JSON.

    Raises
    ------
    ValueError
        If there is no such object in it.
    """
    found = re.search(r"\{.*\}", text, flags=re.DOTALL)
    if found is None:
        raise ValueError("the answer holds no JSON object")
    try:
        return Wording.model_validate(orjson.loads(found[0]))
    except (orjson.JSONDecodeError, ValidationError) as error:
        raise ValueError(f"the answer is not in the form asked for: {str(error).splitlines()[0]}") from error


def check_own(recommendation: Recommendation, retired: tuple[str, ...] = ()) -> Verdict:
    """Check a recommendation's present wording against its facts."""
    r = recommendation
    texts = (r.title, r.description, r.expected_benefit, r.reasoning, *r.risks, *(a.text for a in r.alternatives))
    return Checker(r.facts, retired).check(*texts)


async def word(
    client: ModelClient, recommendation: Recommendation, *, deadline_s: float, retired: tuple[str, ...] = ()
) -> Worded:
    """Have the model word a recommendation, within the deadline; our own wording stands if it cannot or must not be shown."""
    checker = Checker(recommendation.facts, retired)
    refused: tuple[Objection, ...] = ()
    answers: list[Answer] = []
    unavailable: str | None = None
    left = deadline_s
    for _ in range(2):
        try:
            answer = await client.ask(messages(recommendation, refused), deadline_s=left, schema=SCHEMA)
        except ModelUnavailableError as error:
            unavailable = str(error)
            break
        answers.append(answer)
        left -= answer.elapsed_s
        try:
            wording = parse(answer.text)
        except ValueError as error:
            refused = (Objection(answer.text[:80], "form", str(error)),)
            continue
        verdict = checker.check(*wording.texts())
        if verdict.passed:
            return Worded(_apply(recommendation, wording), verdict, refused, tuple(answers))
        refused = verdict.objections
        if left <= 0:
            break
    return Worded(recommendation, check_own(recommendation, retired), refused, tuple(answers), unavailable)


def _apply(recommendation: Recommendation, wording: Wording) -> Recommendation:
    def joined(sentences: tuple[Sentence, ...]) -> str:
        return " ".join(s.text for s in sentences)

    return recommendation.model_copy(
        update={
            "title": wording.title,
            "description": joined(wording.description),
            "expected_benefit": joined(wording.expected_benefit),
            "reasoning": joined(wording.reasoning),
            "risks": tuple(s.text for s in wording.risks) or recommendation.risks,
            "wording": "model",
        }
    )
