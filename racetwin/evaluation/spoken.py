"""Fills the sentences of :mod:`racetwin.evaluation.batches` with a recommendation's facts, true and false."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from racetwin.evaluation.batches import cases
from racetwin.schemas import COMPOUNDS, Fact, Recommendation

_STOP = re.compile(r"L(\d+) ([A-Z]+)")
_DRIVERS = ("QQA", "QQB", "QQC")
"""Drivers that no race has: nothing can be known of them."""
_STATUS = {"GREEN": "green flag", "SC": "safety car", "VSC": "virtual safety car", "RED": "red flag"}
_SURE = 2.0
"""A gain below so many standard errors is no gain."""
_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_NUMBERS = (
    ("lap", "lap", 0), ("left", "laps_left", 0), ("pos", "position", 0), ("age", "tyre_age", 0), ("life", "tyre_life", 0),
    ("wear", "wear", 2), ("pts", "best.expected_points", 2), ("epos", "best.expected_position", 1), ("plans", "plans", 0),
    ("races", "races", 0), ("rpos", "rejoin.position", 0), ("ga", "rejoin.gap_ahead", 1), ("gb", "rejoin.gap_behind", 1),
    ("loss", "pit_loss", 1), ("lossr", "pit_loss", 0), ("rg", "behind.gap", 1), ("wet", "wet_tyres", 0),
    ("pts2", "plan2.expected_points", 2), ("done", "car_lap", 0), ("ask", "laps_to_go_on_set", 0),
)  # fmt: skip
_SHARES = (
    ("ppts", "best.p_points"), ("nopts", "best.p_no_points"), ("pod", "best.p_podium"), ("rprob", "rejoin.probability"),
    ("lower", "rejoin.lower"), ("rc", "behind.stop_probability_5"), ("b2", "plan2.p_better"), ("pod2", "plan2.p_podium"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spoken:
    """One true sentence about a recommendation, and false ones with their kinds."""

    right: str
    wrong: tuple[tuple[str, str], ...]


def spoken_about(batch: str, r: Recommendation, retired: str, rng: random.Random) -> Iterator[Spoken]:
    """Yield every case of a batch whose facts a recommendation has, filled with its values; ``retired`` names who is out."""
    said = _Values(r, rng).all() | {"Z": retired, "X": rng.choice(_DRIVERS)}
    values = {name: _Said(value) for name, value in said.items()}
    for case in cases(batch):
        if _fits(case.right, values):
            right = case.right.format_map(values)
            wrong = ((kind, text.format_map(values)) for kind, text in case.wrong if _fits(text, values))
            yield Spoken(right, tuple((kind, text) for kind, text in wrong if text != right))


def _fits(text: str, values: Mapping[str, str]) -> bool:
    return all(name is None or name in values for _, name, _, _ in string.Formatter().parse(text))


class _Said(str):
    """A value that ``{name:w}`` puts in words: "twenty-six", "one point five"."""

    __slots__ = ()

    def __format__(self, how: str) -> str:
        if how != "w":
            return str(self)
        whole, _, part = self.partition(".")
        return " ".join([_in_words(int(whole)), *(["point", *(_SMALL[int(d)] for d in part)] if part else [])])


def _in_words(number: int) -> str:
    if number < 20:
        return _SMALL[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens] + (f"-{_SMALL[ones]}" if ones else "")
    hundreds, rest = divmod(number, 100)
    return f"{_in_words(hundreds)} hundred" + (f" and {_in_words(rest)}" if rest else "")


class _Values:
    """Every name that a case may use, with its false values."""

    def __init__(self, r: Recommendation, rng: random.Random) -> None:
        self.r, self.rng = r, rng
        self.facts = {f.name: f for f in r.facts}
        self.stops = [(int(m[1]), m[2]) for f in r.facts for m in _STOP.finditer(str(f.value))]
        self.out: dict[str, str] = {}

    def all(self) -> dict[str, str]:
        self._numbers()
        self._calls()
        self._comparison()
        self._drivers_and_states()
        return self.out

    def _value(self, name: str) -> float:
        return float(self.facts[name].value)

    def _number(self, key: str, value: float, digits: int) -> None:
        step = 10.0**-digits * self.rng.choice((1, 2, 5))
        false = value + step if value - step < 0 or self.rng.random() < 0.5 else value - step
        self.out[key], self.out[f"{key}_x"] = f"{value:.{digits}f}", f"{false:.{digits}f}"

    def _stop(self, keys: tuple[str, str], name: str, which: int = 0) -> None:
        """Name the lap and the compound of one of a plan's stops, and ones that no fact speaks of."""
        found = [*_STOP.finditer(str(self.facts[name].value))] if name in self.facts else []
        if which >= len(found):
            return
        lap, compound = int(found[which][1]), found[which][2]
        laps, compounds = {n for n, _ in self.stops}, {c for _, c in self.stops}
        other = self.rng.choice([n for n in range(max(1, lap - 9), lap + 12) if n not in laps])
        wrong = [str(c) for c in COMPOUNDS if str(c) not in compounds] or [str(c) for c in COMPOUNDS if c != compound]
        false = self.rng.choice(wrong)
        self.out[keys[0]], self.out[f"{keys[0]}_x"] = str(lap), str(other)
        self.out[keys[1]], self.out[f"{keys[1]}_x"] = compound, false
        self.out[keys[1].lower()], self.out[f"{keys[1].lower()}_x"] = compound.lower(), false.lower()

    def _numbers(self) -> None:
        facts, out = self.facts, self.out
        for key, name, digits in _NUMBERS:
            if name in facts and self._value(name) > 0:
                # A value may be kept finer than its fact says it: what is said counts.
                said = re.search(r"loses (\d\.\d+) s", facts[name].text) if key == "wear" else None
                self._number(key, float(said[1] if said is not None else facts[name].value), digits)
        for key, name in _SHARES:
            shown = re.search(r"(\d+)%", facts[name].text) if name in facts else None
            if shown is not None:
                self._number(key, float(shown[1]), 0)
        for key, name, digits in (("loss", "pit_loss", 1), ("life", "tyre_life", 0)):
            fact = facts.get(name)
            if fact is not None and fact.low is not None and fact.high is not None and fact.low >= 0.5:
                self._number(f"{key}_lo", fact.low, digits)
                self._number(f"{key}_hi", fact.high, digits)
        if "best.expected_points" in facts and self._value("best.expected_points") >= 2:
            self._number("ptsr", self._value("best.expected_points"), 0)
        total = re.search(r" of (\d+)\.$", facts["lap"].text) if "lap" in facts else None
        if total is not None:
            self._number("total", float(total[1]), 0)
        rejoin = re.search(r"end of lap (\d+)", facts["rejoin.position"].text) if "rejoin.position" in facts else None
        if rejoin is not None:
            self._number("next", float(rejoin[1]), 0)
        if "close_plans" in facts and self._value("close_plans") >= 2:
            self._number("close", self._value("close_plans"), 0)
        if out.get("pod2") == out.get("pod"):
            out.pop("pod2", None)  # nothing to compare

    def _calls(self) -> None:
        facts, out = self.facts, self.out
        self._stop(("L", "C"), "best.plan")
        if "best.plan" in facts and str(facts["best.plan"].value).count(",") == 1:
            self._stop(("n2L", "n2C"), "best.plan", 1)
        self._stop(("bL", "bC"), "before.plan")
        if out.get("bL") == out.get("L"):
            out.pop("bL", None)
        if "best.plan" in facts and facts["best.plan"].value == "no stop" and self.r.kind == "stop":
            out["flag"] = ""
        if "L" in out and self.r.kind == "stop":
            if self.r.title.startswith("Box this lap"):
                out["near"] = ""
            elif self.r.title.startswith("Stay out"):
                out["far"] = ""
        if "best.window" in facts:
            first, last = map(int, str(facts["best.window"].value).split("-"))
            self._number("wlo", first, 0)
            self._number("whi", last, 0)
            out["sooner"] = ""
        if "best.plan" in facts:
            out["plan"] = str(facts["best.plan"].value)
        if "tyre_life" in facts and self._value("tyre_life") < 1:
            out["worn"] = ""

    def _comparison(self) -> None:
        facts, out = self.facts, self.out
        if "best.delta_points" in facts:  # what others cost is against another plan than the call
            return
        if self.r.kind == "stop":
            out["first"] = ""
        if "plan2.delta_points" in facts and self._value("plan2.delta_points") <= -0.01:
            self._stop(("L2", "C2"), "plan2.plan")
            self._number("d2", -self._value("plan2.delta_points"), 2)
            if "L" in out and "L2" in out and int(out["L2"]) > int(out["L"]):
                out["L2_later"] = out["L2"]
        benefit = facts.get("benefit")
        if benefit is not None and benefit.low is not None and benefit.high is not None:
            self._gain(benefit, float(benefit.value), (benefit.high - benefit.low) / 2 / 1.645)
        podium = re.search(r"(\d+)%", facts["plan2.p_podium"].text) if "plan2.p_podium" in facts else None
        if "b2" in out and podium is not None and podium[1] != out["b2"]:
            out["b2_d"] = out["b2"]

    def _gain(self, benefit: Fact, gain: float, error: float) -> None:
        out = self.out
        if gain > _SURE * error and gain >= 0.01:
            self._stop(("oL", "oC"), "other.plan")
            if "L" not in out or int(out.get("oL", 0)) <= int(out["L"]):
                out.pop("oL", None)  # it is spoken of as waiting longer
            self._number("gain", gain, 2)
            self._number("se", error, 2)
        elif abs(gain) < _SURE * error and abs(gain) >= 0.01:
            self._stop(("tL", "tC"), "other.plan")
            if out.get("tL") == out.get("L"):
                out.pop("tL", None)
            self._number("tie", abs(gain), 2)
            self._number("tse", error, 2)

    def _drivers_and_states(self) -> None:
        facts, out = self.facts, self.out
        for key, name in (("unsure", "best.p_points"), ("open", "rejoin.probability")):
            if name in facts and self._value(name) < 0.99:
                out[key] = ""
        if "best.p_points" in facts and 0.5 < self._value("best.p_points") < 0.99:
            out["likely"] = ""
        if "rejoin.lower" in facts and self._value("rejoin.lower") >= 0.05:
            out["drop"] = ""
        if "rejoin.gap_ahead" in facts and self._value("rejoin.gap_ahead") < 1.5:
            out["tight"] = ""
        if "rain" in facts:
            out["rain"] = ""
        if "compound" in facts:
            mine = str(facts["compound"].value)
            named = {mine} | {compound for _, compound in self.stops}
            out["comp"], out["comp_l"] = mine, mine.lower()
            out["comp_x"] = self.rng.choice([str(c) for c in COMPOUNDS if str(c) not in named] or ["WET"]).lower()
        status = str(facts["track_status"].value) if "track_status" in facts else ""
        if status in _STATUS:
            out["status"] = _STATUS[status]
            out["status_x"] = self.rng.choice([w for s, w in _STATUS.items() if s != status])
        if status in ("SC", "VSC"):
            out["neutral"] = _STATUS[status]
        for key, name in (("A", "rejoin.gap_ahead"), ("B", "rejoin.gap_behind"), ("R", "behind.gap")):
            if name in facts and (driver := re.match(r"([A-Z]{3}) is ", facts[name].text)):
                out[key] = driver[1]
        for key, of, other in (("left_d", "left", "life"), ("pod_d", "pod", "ppts")):  # another quantity, another value
            if of in out and other in out and out[of] != out[other]:
                out[key] = out[of]
