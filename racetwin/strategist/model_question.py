"""What a language model is asked for and in which form: the question, the schema, and how its answer is read."""

from __future__ import annotations

import re
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from racetwin.schemas import Fact, Recommendation
from racetwin.strategist.verdict import Objection


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


def strict_schema(schema: Any) -> Any:
    """Return a JSON schema as strict servers take it: every field required and no other allowed, no defaults, no text lengths.

    OpenAI answers 400 to anything else. What a field may be is looked at again when the answer is read.
    """
    if isinstance(schema, list):
        return [strict_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    dropped = ("default", "minLength", "maxLength")
    out = {k: v if k == "required" else strict_schema(v) for k, v in schema.items() if k not in dropped}
    if out.get("type") == "object":
        out |= {"required": list(out["properties"]), "additionalProperties": False}
    return out


SCHEMA: dict[str, Any] = strict_schema(Wording.model_json_schema())
_RULES = """You word pit-wall advice for a Formula 1 race engineer.
You are given a decision that has been made and numbered facts.
Say why, in short plain sentences, for someone who has twenty seconds.
Rules:
- Use only the facts. Every number, driver, lap and tyre must be in a fact, with its unit, as written there.
- Use only the words of the facts and of the decision, in their order: another word for the same is refused.
- One fact a sentence, or two joined with "and". Leave words of a fact out where you can, but never "not", "less", "better",
  "ahead", "behind", "if", a percentage or a driver.
- Never give a cause or an effect that is not a fact. Never mention a car that no fact mentions.
- Choose the facts that speak for the decision; leave out what the engineer sees anyway.
- After each sentence give the numbers of the facts it rests on.
Answer with one JSON object and nothing else, in exactly this form:
{"title": "...", "description": [{"text": "...", "facts": [1]}], "expected_benefit": [{"text": "...", "facts": [2]}],
 "reasoning": [{"text": "...", "facts": [3]}], "risks": [{"text": "...", "facts": [4]}]}"""
_EXAMPLES = (
    (
        """Decision: Box this lap for HARD. Box at the end of lap 24 and fit HARD.
Priority: urgent. Facts:
12. Plan: L24 HARD.
13. 'L24 HARD' is worth 15.10 points on average (standard error 0.05).
18. Boxing at the end of lap 24 it rejoins P8 (70% likely).
20. NOR is then 0.9 s ahead.
22. A stop costs 20.5 s (19.1 to 26.0).""",
        """{"title": "Box this lap for HARD", \
"description": [{"text": "Box at the end of lap 24 and fit HARD tyres.", "facts": [12]}], \
"expected_benefit": [{"text": "The plan is worth 15.10 points on average.", "facts": [13]}], \
"reasoning": [{"text": "A stop costs 20.5 s.", "facts": [22]}, {"text": "Boxing at the end of lap 24 it rejoins P8 (70% \
likely).", "facts": [18]}], "risks": [{"text": "NOR is then 0.9 s ahead.", "facts": [20]}]}""",
    ),
    (
        """Decision: Be ready to cover HAM. HAM is 1.4 s behind, in range of an undercut.
Priority: moderate. Facts:
1. HAM is 1.4 s behind.
2. HAM stops within five laps with a probability of 63%.
3. Plan: L26 MEDIUM.
4. 'L26 MEDIUM' finishes P6.2 on average.""",
        """{"title": "Be ready to cover HAM", \
"description": [{"text": "HAM is 1.4 s behind, in range of an undercut.", "facts": [1]}], \
"expected_benefit": [{"text": "The plan finishes P6.2 on average.", "facts": [4]}], \
"reasoning": [{"text": "HAM stops within five laps with a probability of 63%.", "facts": [2]}], "risks": []}""",
    ),
)
"""A question and its answer, twice: what servers without JSON schemas, and small models, learn the form from."""
FACTS_ASKED = 24
"""Facts put to the model at most: a small model loses its way in more, and a CPU reads slowly."""


def messages(recommendation: Recommendation, objections: tuple[Objection, ...] = ()) -> list[dict[str, str]]:
    """Lay out the question: the part that never changes first, so that a server can keep its work on it."""
    r = recommendation
    facts = "\n".join(f"{f.id}. {f.text}" for f in _facts_asked(r))
    question = f"Decision: {r.title}. {r.description}\nPriority: {r.priority.value}. Facts:\n{facts}"
    if objections:
        said = "\n".join(f"- {o.sentence[:120]!r}: {o.claim[:40]}: {o.why}" for o in objections[:4])
        question += (
            f"\nYour last answer was refused:\n{said}\nSay only what the facts say, in their words, as one JSON object."
        )
    turns = [{"role": "system", "content": _RULES}]
    for asked, answered in _EXAMPLES:
        turns += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    return [*turns, {"role": "user", "content": question}]


def _facts_asked(r: Recommendation) -> list[Fact]:
    """The facts that our own sentences rest on, then the others in order, without those of the lesser alternatives."""
    ours = {n for s in r.sentences if s.part != "alternatives" for n in s.facts}
    lesser = re.compile(r"plan([3-9]|\d\d)\.")
    fitting = [f for f in r.facts if f.id in ours or not lesser.match(f.name)]
    chosen = {f.id for f in sorted(fitting, key=lambda f: (f.id not in ours, f.id))[:FACTS_ASKED]}
    return [f for f in fitting if f.id in chosen]


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
