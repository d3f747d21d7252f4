"""Fills the sentences of :mod:`racetwin.evaluation.spoken_cases` with a recommendation's facts, true and false."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass

from racetwin.evaluation.spoken_cases import CASES
from racetwin.schemas import COMPOUNDS, Recommendation

_STOP = re.compile(r"L(\d+) ([A-Z]+)")
_DRIVERS = ("QQA", "QQB", "QQC")
"""Drivers that no race has: nothing can be known of them."""
_STATUS = {"GREEN": "green flag", "SC": "safety car", "VSC": "virtual safety car", "RED": "red flag"}
_SURE = 2.0
"""A gain below so many standard errors is no gain."""
_NUMBERS = (
    ("lap", "lap", 0), ("left", "laps_left", 0), ("pos", "position", 0), ("age", "tyre_age", 0), ("life", "tyre_life", 0),
    ("wear", "wear", 2), ("pts", "best.expected_points", 2), ("epos", "best.expected_position", 1), ("plans", "plans", 0),
    ("races", "races", 0), ("rpos", "rejoin.position", 0), ("ga", "rejoin.gap_ahead", 1), ("gb", "rejoin.gap_behind", 1),
    ("loss", "pit_loss", 1), ("rg", "behind.gap", 1), ("wet", "wet_tyres", 0),
)  # fmt: skip
_SHARES = (
    ("ppts", "best.p_points"), ("nopts", "best.p_no_points"), ("pod", "best.p_podium"), ("rprob", "rejoin.probability"),
    ("lower", "rejoin.lower"), ("rc", "behind.stop_probability_5"), ("b2", "plan2.p_better"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spoken:
    """One true sentence about a recommendation, and false ones with their kinds."""

    right: str
    wrong: tuple[tuple[str, str], ...]


def spoken_about(r: Recommendation, retired: str, rng: random.Random) -> Iterator[Spoken]:
    """Yield every case whose facts a recommendation has, filled with its values; ``retired`` is a driver who is out."""
    values = _values(r, rng) | {"Z": retired, "X": rng.choice(_DRIVERS)}
    for case in CASES:
        if _fits(case.right, values):
            right = case.right.format_map(values)
            wrong = ((kind, text.format_map(values)) for kind, text in case.wrong if _fits(text, values))
            yield Spoken(right, tuple((kind, text) for kind, text in wrong if text != right))


def _fits(text: str, values: dict[str, str]) -> bool:
    return all(name is None or name in values for _, name, _, _ in string.Formatter().parse(text))


def _values(r: Recommendation, rng: random.Random) -> dict[str, str]:
    """Every name that a case may use, with its false values."""
    facts = {f.name: f for f in r.facts}
    out: dict[str, str] = {}

    def number(key: str, value: float, digits: int) -> None:
        step = 10.0**-digits * rng.choice((1, 2, 5))
        false = value + step if value - step < 0 or rng.random() < 0.5 else value - step
        out[key], out[f"{key}_x"] = f"{value:.{digits}f}", f"{false:.{digits}f}"

    def stop(keys: tuple[str, str], name: str) -> None:
        found = _STOP.search(str(facts[name].value)) if name in facts else None
        if found is None:
            return
        lap, compound = int(found[1]), found[2]
        taken = {int(m[1]) for f in r.facts for m in _STOP.finditer(str(f.value))}
        other = rng.choice([n for n in range(max(1, lap - 9), lap + 12) if n not in taken])
        every = {m[2] for f in r.facts for m in _STOP.finditer(str(f.value))}
        wrong = [str(c) for c in COMPOUNDS if str(c) not in every] or [str(c) for c in COMPOUNDS if str(c) != compound]
        false = rng.choice(wrong)
        out[keys[0]], out[f"{keys[0]}_x"] = str(lap), str(other)
        out[keys[1]], out[f"{keys[1]}_x"] = compound, false
        out[keys[1].lower()], out[f"{keys[1].lower()}_x"] = compound.lower(), false.lower()

    for key, name, digits in _NUMBERS:
        if name in facts and float(facts[name].value) > 0:
            # A value may be kept finer than its fact says it: what is said counts.
            said = re.search(r"loses (\d\.\d+) s", facts[name].text) if key == "wear" else None
            number(key, float(said[1] if said is not None else facts[name].value), digits)
    for key, name in _SHARES:
        if name in facts:
            shown = re.search(r"(\d+)%", facts[name].text)
            if shown is not None:
                number(key, float(shown[1]), 0)
    for key, name, digits in (("loss", "pit_loss", 1), ("life", "tyre_life", 0)):
        fact = facts.get(name)
        if fact is not None and fact.low is not None and fact.high is not None and fact.low >= 0.5:
            number(f"{key}_lo", fact.low, digits)
            number(f"{key}_hi", fact.high, digits)
    stop(("L", "C"), "best.plan")
    if "best.delta_points" not in facts:  # else what others cost is against another plan than the call
        if "plan2.delta_points" in facts and float(facts["plan2.delta_points"].value) <= -0.01:
            stop(("L2", "C2"), "plan2.plan")
            number("d2", -float(facts["plan2.delta_points"].value), 2)
            if "L" in out and "L2" in out and int(out["L2"]) > int(out["L"]):
                out["L2_later"] = out["L2"]
        benefit = facts.get("benefit")
        if benefit is not None and benefit.low is not None and benefit.high is not None:
            gain, error = float(benefit.value), (benefit.high - benefit.low) / 2 / 1.645
            if gain > _SURE * error and gain >= 0.01:
                stop(("oL", "oC"), "other.plan")
                if "L" not in out or int(out.get("oL", 0)) <= int(out["L"]):
                    out.pop("oL", None)  # it is spoken of as waiting longer
                number("gain", gain, 2)
                number("se", error, 2)
    podium = re.search(r"(\d+)%", facts["plan2.p_podium"].text) if "plan2.p_podium" in facts else None
    if "b2" in out and podium is not None and podium[1] != out["b2"]:
        out["b2_d"] = out["b2"]
    for key, name in (("unsure", "best.p_points"), ("open", "rejoin.probability")):
        if name in facts and float(facts[name].value) < 0.99:
            out[key] = ""
    if "compound" in facts:
        mine = str(facts["compound"].value)
        named = {mine} | {m[2] for f in r.facts for m in _STOP.finditer(str(f.value))}
        out["comp"], out["comp_l"] = mine, mine.lower()
        out["comp_x"] = rng.choice([str(c) for c in COMPOUNDS if str(c) not in named] or ["WET"]).lower()
    status = str(facts["track_status"].value) if "track_status" in facts else ""
    if status in _STATUS:
        out["status"] = _STATUS[status]
        out["status_x"] = rng.choice([w for s, w in _STATUS.items() if s != status])
    for key, name in (("A", "rejoin.gap_ahead"), ("B", "rejoin.gap_behind"), ("R", "behind.gap")):
        if name in facts and (driver := re.match(r"([A-Z]{3}) is ", facts[name].text)):
            out[key] = driver[1]
    for key, of, other in (("left_d", "left", "life"), ("pod_d", "pod", "ppts")):  # another quantity with another value
        if of in out and other in out and out[of] != out[other]:
            out[key] = out[of]
    return out
