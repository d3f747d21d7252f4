"""Does the co-strategist say only what is so? Advice over many real races, every server at hand, and the checker itself.

Needs race data for real races; without them it runs on simulated ones and says so. A model server counts where it is found: the
configured one, and the small local model where the extra ``[llm]`` and its file are there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np
from rich.progress import track

from racetwin.config import Settings, settings
from racetwin.evaluation.advice_moments import AdviceMoment, moments, record_of
from racetwin.evaluation.batches import BATCHES
from racetwin.evaluation.benchmarks import Figure
from racetwin.evaluation.benchmarks.advice_delay import advice_delay
from racetwin.evaluation.benchmarks.priorities import priorities
from racetwin.evaluation.groundedness import measure, measure_spoken, without_value
from racetwin.evaluation.planted import KINDS
from racetwin.evaluation.retold import measure_retold
from racetwin.schemas import Recommendation
from racetwin.strategist.checker import Checker
from racetwin.strategist.client import ModelClient
from racetwin.strategist.wording import Worded, texts_of, word
from racetwin.telemetry.library import RaceLibrary

RACES = 9
"""Races that the moments are taken from, spread over the seasons at hand."""
CARS, EVERY, SIMULATED_RACES = 5, 2, 32
ADVICE = 2000
"""Recommendations that must be looked at."""
SPOKEN_ABOUT = 300
"""Recommendations that each batch of sentences is about."""
MODEL_SHARE = int(os.environ.get("RACETWIN_BENCH_WORDINGS", "100"))
"""Recommendations that each model server words; RACETWIN_BENCH_WORDINGS sets another number."""
DEADLINE_S = 120.0


def strategist() -> list[Figure]:
    """Measure groundedness of what is shown, the checker's recall and false refusals, and the time to advice."""
    now = settings()
    found = _moments(now)
    advice = [(r, m.retired) for m in found for r in m.advice]
    result = measure(advice)
    seconds = [m.seconds for m in found]
    cpu = [m.cpu_s for m in found]
    figures = [
        Figure("recommendations, our own wording", result.recommendations, "count", ADVICE),
        Figure("races they are from", len({m.race_id for m in found}), "count"),
        Figure(
            "of those real races", sum(not r.startswith("simulated") for r in {m.race_id for m in found}), "count", 1
        ),
        Figure("shown with every claim supported, own wording", 100 * result.grounded, "%", 100.0),
        Figure("claims in them", result.claims, "count"),
        Figure("claims of our own sentences left out", result.left_out, "count"),
        Figure("numbers in them", result.numbers, "count"),
        Figure(
            "of these the typed value of a fact", 100 * (1 - len(result.unvalued) / max(1, result.numbers)), "%", 100.0
        ),
        Figure("correct phrasings checked", result.correct, "count"),
        Figure("correct phrasings refused", 100 * result.false_refusals, "%", 2.0, None, False),
        Figure("errors planted", result.planted.total(), "count", 3000),
        Figure("errors caught", 100 * result.recall, "%", 99.0),
        *(Figure(f"caught: {kind}", 100 * result.recall_of(kind), "%") for kind in KINDS if result.planted[kind]),
        *(f for batch in BATCHES for f in _spoken(batch, advice)),
        *_retold(advice),
        Figure("advice after the desk's answer, answers timed", len(found), "count"),
        *(
            Figure(
                f"advice after the desk's answer, {name}", 1e3 * float(np.quantile(seconds, q)), "ms", must, None, False
            )
            for name, q, must in (("median", 0.5, None), ("p95", 0.95, 200.0), ("longest", 1.0, 200.0))
        ),
        *(
            Figure(
                f"advice after the desk's answer, CPU, {name}",
                1e3 * float(np.quantile(cpu, q)),
                "ms",
                None,
                None,
                False,
            )
            for name, q in (("median", 0.5), ("p95", 0.95))
        ),
    ]
    real = sorted({m.race_id for m in found if not m.race_id.startswith("simulated")})
    figures += advice_delay(now, real[-1] if real else None)
    figures += priorities(now)
    return [*figures, *asyncio.run(_by_models(now, found))]


def _spoken(batch: str, advice: Sequence[tuple[Recommendation, Sequence[str]]]) -> list[Figure]:
    """Measure the checker on a batch of sentences that were not written to fit it."""
    few = [advice[int(i)] for i in np.linspace(0, len(advice) - 1, min(SPOKEN_ABOUT, len(advice)))]
    found = measure_spoken(batch, few)
    return [
        Figure(f"{batch} batch: correct sentences checked", found.correct, "count"),
        Figure(f"{batch} batch: correct sentences refused", 100 * found.false_refusals, "%", 2.0, None, False),
        Figure(f"{batch} batch: false sentences beside them", found.planted.total(), "count", 3000),
        Figure(f"{batch} batch: false sentences caught", 100 * found.recall, "%", 99.0),
        Figure(f"{batch} batch: caught beside a correct one that passes", 100 * found.recall_beside, "%", 99.0),
        Figure(
            f"{batch} batch, as a model's wording: false sentences caught", 100 * found.recall_of_a_model, "%", 99.0
        ),
        Figure(
            f"{batch} batch, as a model's wording: correct sentences refused",
            100 * found.refused_of_a_model / max(1, found.correct),
            "%",
            higher_is_better=False,
        ),
    ]


def _retold(advice: Sequence[tuple[Recommendation, Sequence[str]]]) -> list[Figure]:
    """Measure what a model could still say wrongly in the facts' own words."""
    few = [advice[int(i)] for i in np.linspace(0, len(advice) - 1, min(SPOKEN_ABOUT, len(advice)))]
    found = measure_retold(few)
    return [
        Figure("errors in the facts' own words", found.told.total(), "count", 3000),
        Figure(
            "errors in the facts' own words: caught in a model's wording", 100 * found.share(found.caught), "%", 99.0
        ),
        Figure("errors in the facts' own words: caught by the checker alone", 100 * found.share(found.by_checker), "%"),
        Figure(
            "errors in the facts' own words: caught by whose words they are", 100 * found.share(found.by_words), "%"
        ),
    ]


def _moments(now: Settings) -> list[AdviceMoment]:
    listed = RaceLibrary(now).list()
    if listed.empty:
        ids: list[str | None] = [None]
    else:
        every = [str(r) for r in listed[listed["session"] == "R"].sort_values(["season", "round"])["race_id"]]
        ids = [every[int(i)] for i in np.linspace(0, len(every) - 1, min(RACES, len(every)))]
    out: list[AdviceMoment] = []
    for race_id in track(ids, description="advice over races", transient=True):
        out += moments(record_of(now, race_id), cars=CARS, every=EVERY, races=SIMULATED_RACES)
    return out


async def _by_models(now: Settings, found: Sequence[AdviceMoment]) -> list[Figure]:
    """Have each server at hand word a spread of the advice; what is then shown must be supported, too."""
    figures: list[Figure] = []
    async with contextlib.AsyncExitStack() as stack:
        clients: list[tuple[str, ModelClient]] = []
        configured = await stack.enter_async_context(ModelClient.from_settings(now))
        if now.llm_enabled is not False and await configured.healthy():
            clients.append(("configured server", configured))
        small = await _small(now, stack)
        if small is not None:
            clients.append(("small local model", small))
        for name, client in clients:
            figures += await _worded(f"{name} ({client.model})", client, found)
    return figures


async def _small(now: Settings, stack: contextlib.AsyncExitStack) -> ModelClient | None:
    from racetwin.servers import SMALL_MODEL, find_small_model, small_model_server

    if find_spec("xllamacpp") is None or find_small_model(now) is None:
        return None
    url = await stack.enter_async_context(small_model_server(now))
    client = await stack.enter_async_context(ModelClient(url, SMALL_MODEL))
    await client.healthy()
    return client


async def _worded(name: str, client: ModelClient, found: Sequence[AdviceMoment]) -> list[Figure]:
    every = [(r, m.retired) for m in found for r in m.advice if r.life is None or r.life.state != "withdrawn"]
    chosen = [every[int(i)] for i in np.linspace(0, len(every) - 1, min(MODEL_SHARE, len(every)))]
    worded: list[tuple[Worded, tuple[str, ...]]] = []
    for r, retired in track(chosen, description=name, transient=True):
        worded.append((await word(client, r, deadline_s=DEADLINE_S, retired=retired), retired))
    states = Counter(w.recommendation.worded.state for w, _ in worded if w.recommendation.worded is not None)
    grounded = [
        Checker(w.recommendation.facts, retired).check(*texts_of(w.recommendation)).passed for w, retired in worded
    ]
    shown = [w.recommendation for w, _ in worded if w.recommendation.wording == "model"]
    unvalued = sum(len(without_value(" ".join(texts_of(r)), r.facts)) for r in shown)
    answers = [a for w, _ in worded for a in w.answers]
    tokens = [a.completion_tokens / a.elapsed_s for a in answers if a.completion_tokens and a.elapsed_s > 0]
    return [
        Figure(f"{name}: recommendations worded", len(worded), "count"),
        Figure(f"{name}: shown with every claim supported", 100 * float(np.mean(grounded)), "%", 100.0),
        Figure(f"{name}: its wording passed and was shown", states["shown"], "count"),
        Figure(
            f"{name}: numbers shown that are no typed value of a fact", unvalued, "count", 0.0, higher_is_better=False
        ),
        Figure(f"{name}: refused, ours shown", states["refused"], "count"),
        Figure(f"{name}: no answer, ours shown", states["unavailable"], "count"),
        Figure(f"{name}: answer, median", float(np.median([a.elapsed_s for a in answers])) if answers else 0.0, "s"),
        Figure(f"{name}: tokens a second with prompt, median", float(np.median(tokens)) if tokens else 0.0, "1/s"),
    ]
