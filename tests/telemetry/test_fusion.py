"""Several feeds as one state: the quick way and the careful way choose alike, and the order of arrival does not matter."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from racetwin.schemas import CarStatus, CarTelemetry, Compound, TelemetryFrame, Tyre
from racetwin.telemetry import TelemetryIngestor
from racetwin.telemetry.fusion import CAR_FIELDS, Fusion

pytestmark = pytest.mark.unit

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "position": st.integers(1, 24), "gap_s": st.floats(0, 99), "interval_s": st.floats(0, 99), "laps_down": st.integers(0, 3),
    "lap": st.integers(3, 4), "lap_fraction": st.floats(0, 1), "last_lap_s": st.floats(80, 90),
    "last_line_time_s": st.floats(1, 9),
    "speed_kmh": st.floats(0, 300), "throttle": st.floats(0, 1), "gear": st.integers(0, 8), "x_m": st.floats(-9, 9),
    "y_m": st.floats(-9, 9), "fuel_kg": st.floats(0, 100), "driver": st.sampled_from(["HAM", "VER"]), "stops": st.integers(0, 3),
    "drs": st.booleans(),
    "tyre": st.builds(
        Tyre, compound=st.none() | st.sampled_from(Compound), age=st.none() | st.integers(0, 30), wear=st.none() | st.floats(0, 1)
    ),
}  # fmt: skip


@st.composite
def cars(draw: st.DrawFn) -> CarTelemetry:
    named = draw(st.sets(st.sampled_from(sorted(VALUES))))
    return CarTelemetry(car_id=draw(st.sampled_from(["44", "4"])), **{n: draw(VALUES[n]) for n in sorted(named)})


def frame(source: str, seq: int, t: float, car: CarTelemetry) -> TelemetryFrame:
    return TelemetryFrame(source=source, seq=seq, time_s=t, race_id="x", lap=3, cars=(car,))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9), cars()), min_size=2, max_size=14),
    st.permutations("abc"),
)
def test_the_quick_way_chooses_as_the_careful_way(
    said: list[tuple[str, int, CarTelemetry]], priority: list[str]
) -> None:
    fusion = Fusion(tuple(priority))
    for seq, (source, tenths, car) in enumerate(said):
        got = fusion.take(frame(source, seq, seq + tenths / 10, car))
        if len(fusion.sources) < 2:
            continue
        for merged in got.cars:
            careful = fusion._chosen(merged.car_id, fusion._said[merged.car_id])
            assert {n: getattr(merged, n) for n in CAR_FIELDS} == {n: getattr(careful, n) for n in CAR_FIELDS}
            assert merged.tyre == careful.tyre


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_interleaving_of_feeds_with_doubles_and_losses_ends_in_the_same_state(data: st.DataObject) -> None:
    """What is lost is lost for every order of arrival; whatever arrives, the state is that of the same frames in order."""
    sent = [
        frame(source, seq, seq / 10 + 0.01 * k, data.draw(cars()))
        for k, source in enumerate("abc")
        for seq in range(data.draw(st.integers(1, 8)))
    ]
    kept = [f for f in sent if data.draw(st.integers(0, 9)) or f.seq == 0]
    in_order = sorted(kept, key=lambda f: (f.time_s, f.source))
    order = sorted(range(len(in_order)), key=lambda i: (i + data.draw(st.integers(0, 4)), i))
    # Every feed is heard before disorder begins: whoever is not known cannot be waited for.
    first = [f for f in in_order if f.seq == 0]
    arrived = first + [in_order[i] for i in order for _ in range(data.draw(st.integers(1, 2)))]
    plain, mixed = TelemetryIngestor(priority=("b",)), TelemetryIngestor(priority=("b",))
    for f in first + in_order:
        plain.process(f)
    for f in arrived:
        mixed.process(f)
    plain.flush()
    mixed.flush()
    assert mixed.frame == plain.frame
    for number in ("44", "4"):
        assert mixed.known(number) == plain.known(number)


def test_a_feed_that_does_not_tell_the_status_does_not_put_a_car_back_on_track() -> None:
    ingestor = TelemetryIngestor(priority=("f1", "garage"))
    ingestor.process(frame("f1", 0, 10.0, CarTelemetry(car_id="44", position=3, lap=3, status=CarStatus.PIT)))
    for seq in range(100):
        ingestor.process(frame("garage", seq, 10.0 + seq / 10, CarTelemetry(car_id="44", fuel_kg=50.0)))
    ingestor.flush()
    assert ingestor.frame is not None
    assert (ingestor.frame.cars[0].status, ingestor.frame.cars[0].fuel_kg) == (CarStatus.PIT, 50.0)
    known = ingestor.known("44")
    assert (known["status"].value, known["status"].source, known["fuel_kg"].source) == (CarStatus.PIT, "f1", "garage")


def test_a_feed_that_is_late_with_its_very_first_frame_is_heard_and_breaks_nothing() -> None:
    def car(**values: Any) -> CarTelemetry:
        return CarTelemetry(car_id="44", lap=3, position=1, **values)

    ingestor = TelemetryIngestor()
    ingestor.process(frame("a", 0, 10.0, car(speed_kmh=200.0)))
    ingestor.process(frame("a", 1, 11.0, car(speed_kmh=210.0)))
    ingestor.process(frame("b", 0, 5.0, car(fuel_kg=60.0)))
    assert ingestor.counters.late == 1
    ingested = ingestor.process(frame("a", 2, 12.0, car(speed_kmh=220.0)))
    assert ingested is not None
    assert ingested.frame.time_s == 12.0
    assert (ingested.frame.cars[0].speed_kmh, ingested.frame.cars[0].fuel_kg) == (220.0, 60.0)
    assert TelemetryIngestor.restore(ingestor.snapshot()).snapshot() == ingestor.snapshot()
