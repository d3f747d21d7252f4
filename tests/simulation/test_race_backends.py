"""One specification, several executions: every backend, width, thread count and cut gives the same races."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from racetwin.errors import ConfigurationError, InputError
from racetwin.schemas import TrackStatus
from racetwin.simulation import PitPlan, RaceState
from racetwin.simulation.backends import choose, cupy_race, mojo_library, ptx
from racetwin.simulation.backends.numba_backend import NumbaBackend
from racetwin.simulation.montecarlo import simulate
from racetwin.simulation.parameters import load_parameters
from racetwin.simulation.spec import layout, program
from racetwin.simulation.spec.pack import pack

pytestmark = pytest.mark.unit

needs_mojo = [
    pytest.mark.mojo,
    pytest.mark.skipif(not mojo_library.available(), reason="no Mojo compiler and no library built before"),
]


def _oracle():
    spec = importlib.util.spec_from_file_location("oracle", Path(__file__).with_name("oracle.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


oracle = _oracle()


def field(n=20, lap=0, total=57, **changes):
    """A made-up but plausible race: the fastest car in front, two cars a team, two compounds."""
    car = np.arange(n)
    pace = np.linspace(-0.6, 0.9, n)
    values = {
        "race_id": "test",
        "circuit_id": "marina-bay",
        "season": 2023,
        "lap": lap,
        "total_laps": total,
        "car_id": tuple(str(i + 1) for i in range(n)),
        "driver": tuple(f"D{i:02}" for i in range(n)),
        "team": tuple(f"T{i // 2}" for i in range(n)),
        "time_s": car * 0.13 if lap == 0 else lap * 95 + car * 1.7 + lap * pace * 0.5,
        "running": np.ones(n, bool),
        "laps_completed": np.full(n, lap),
        "grid": car + 1,
        "compound": np.where(car % 3 == 0, 0, 1),
        "tyre_age": np.full(n, float(lap)),
        "stops": np.zeros(n, int),
        "compounds_used": np.where(car % 3 == 0, 1, 2),
        "pace_mean": pace,
        "pace_sd": np.full(n, 0.1),
        "wear_mean": np.ones(n),
        "wear_sd": np.full(n, 0.15),
        "fuel_kg": np.full(n, 110 * (1 - lap / total)),
    }
    return RaceState(**{**values, **changes})


PLANS = [
    PitPlan.of((24, "HARD")),
    PitPlan.of((30, "MEDIUM"), (45, "SOFT", 3)),
    PitPlan(PitPlan.of((40, "HARD")).stops, sc_window=(21, 39)),
    PitPlan(),
]
WET = {"rain_start": 0.03}
CASES = {
    "from the grid": (field(), {}),
    "mid-race": (field(lap=20), {}),
    "24 cars": (field(24, lap=10), {}),
    "22 cars": (field(22, lap=10), {}),
    "2 cars": (field(2, lap=10), {}),
    "out of order and with retirements": (
        field(lap=10, time_s=np.random.default_rng(1).permutation(20) * 2.0 + 900, running=np.arange(20) % 5 != 3),
        {},
    ),
    "many showers": (field(lap=10, wetness=0.5), WET),
    "red flag now, more to come": (field(lap=10, track_status=TrackStatus.RED), {"red_rate": 0.02}),
    "safety car now, no unlapping": (
        field(lap=10, track_status=TrackStatus.SC, status_laps=2),
        {"sc_rate": 0.05, "unlap": 0},
    ),
    "many virtual safety cars": (field(lap=10, track_status=TrackStatus.VSC), {"vsc_rate": 0.05}),
    "asked for: safety car, then rain": (
        field(lap=10, forced_status=TrackStatus.SC, forced_lap=30, rain_lap=40, rain_wetness=0.6),
        {},
    ),
    "three stops prescribed": (field(lap=10), {"min_stops": 3}),
    "a rival with a plan and a slow stop": (
        field(
            lap=10,
            planned_lap=np.where(np.arange(20)[:, None] == 3, [[22, 41, 0, 0]], 0),
            planned_compound=np.where(np.arange(20)[:, None] == 3, [[2, 1, -1, -1]], -1),
            stop_extra_s=np.where(np.arange(20) == 3, 6.5, 0.0),
        ),
        {},
    ),
    "every car breaks down": (field(lap=10, retire_factor=np.full(20, 8.0)), {}),
}


def packed_case(name):
    state, changes = CASES[name]
    plans = [p for p in PLANS if all(s.lap > state.lap for s in p.stops)]
    parameters = load_parameters(state.circuit_id, state.season).replace(**changes)
    return pack(state, parameters, plans, "2", 5)


def same(a, b):
    return all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for name in ("positions", "histogram", "finished", "time_ms", "watched")
    )


@pytest.mark.parametrize("name", CASES)
def test_numba_races_as_the_oracle(name):
    packed = packed_case(name)
    n, races = packed.n, 128
    got = NumbaBackend()(packed, 0, races, True, np.arange(n, dtype=np.int32))
    for p, plan in enumerate(packed.plans):
        keys = oracle.race(packed, plan, 0, races)
        order = np.argsort(keys & 31, axis=1) + 1
        agree = (order == got.watched[p]).all(axis=1).mean()
        assert agree >= 0.999
        mine = keys[np.arange(races), got.positions[p] - 1]
        assert (mine & 31 == packed.i[layout.I_OWN]).all()
        assert got.finished[p] == (mine < layout.RETIRED).sum()


@pytest.mark.parametrize("name", [pytest.param(name, marks=needs_mojo) for name in CASES])
@pytest.mark.parametrize("shared", [True, False])
def test_mojo_races_as_numba_bit_for_bit(name, shared):
    packed = packed_case(name)
    watch = np.array([0, 1], np.int32)
    assert same(mojo_library.backend()(packed, 7, 300, shared, watch), NumbaBackend()(packed, 7, 300, shared, watch))


@pytest.mark.mojo
@pytest.mark.skipif(not mojo_library.available(), reason="no Mojo compiler and no library built before")
@pytest.mark.parametrize("changes", [{}, {"red_rate": 0.04}, {"rain_start": 0.05}, {"sc_rate": 0.05}])
def test_plans_that_share_laps_race_as_each_alone(changes):
    pairs = [((a, "HARD"), (b, c)) for a in range(22, 40, 4) for b in (44, 48) for c in ("MEDIUM", "SOFT")]
    plans = [PitPlan.of((a, "HARD")) for a in range(21, 50, 3)] + [PitPlan.of(*p) for p in pairs]
    plans += [PitPlan(PitPlan.of((45, "HARD")).stops, sc_window=(k, 44)) for k in (22, 30)] + [plans[0], PitPlan()]
    state = field(lap=20)
    packed = pack(state, load_parameters(state.circuit_id, 2023).replace(**changes), plans, "4", 11)
    none = np.zeros(0, np.int32)
    assert program.laps_driven(program.tree(packed.plans, 20, 37)) < 0.8 * 37 * len(plans)
    assert same(mojo_library.backend()(packed, 3, 200, True, none), NumbaBackend()(packed, 3, 200, True, none))


@pytest.mark.mojo
@pytest.mark.skipif(mojo_library.compiler() is None, reason="no Mojo compiler")
def test_lane_widths_give_identical_races():
    cpu, own = mojo_library.target()
    levels = [(cpu, own)] + ([("x86-64-v3", 8), ("x86-64-v3", 4)] if cpu.startswith("x86") else [(cpu, 8)])
    packed = packed_case("mid-race")
    results = [mojo_library.backend(c, w)(packed, 0, 1000, True, np.zeros(0, np.int32)) for c, w in levels]
    assert all(same(results[0], other) for other in results[1:])


@pytest.mark.gpu
@pytest.mark.skipif(not cupy_race.available(), reason="no CUDA device that CuPy can use")
@pytest.mark.parametrize("name", CASES)
def test_gpu_races_as_numba(name):
    packed = packed_case(name)
    watch = np.arange(packed.n, dtype=np.int32)
    a, b = cupy_race.backend()(packed, 0, 512, True, watch), NumbaBackend()(packed, 0, 512, True, watch)
    assert (a.watched == b.watched).all(axis=2).mean() >= 0.999


def test_threads_and_cuts_change_nothing():
    state = field(lap=20)
    kwargs = {"car_id": "5", "backend": "numba"}
    whole = simulate(state, PLANS, 300, 9, threads=1, **kwargs)
    threaded = simulate(state, PLANS, 300, 9, threads=3, **kwargs)
    parts = [simulate(state, PLANS, b - a, 9, first_race=a, **kwargs) for a, b in ((0, 37), (37, 165), (165, 300))]
    assert np.array_equal(whole.positions, threaded.positions)
    assert np.array_equal(whole.positions, np.concatenate([p.positions for p in parts], axis=1))
    assert np.array_equal(whole.histogram, sum(p.histogram for p in parts))
    sums = [np.rint(1000 * p.time_s * p.finished) for p in parts]
    assert np.array_equal(np.rint(1000 * whole.time_s * whole.finished), sum(sums))


def test_every_race_puts_every_car_in_one_place():
    r = simulate(field(lap=20), PLANS, 500, 3, car_id="5", backend="numba")
    assert (r.histogram.sum(axis=1) == 500).all()
    assert (r.histogram.sum(axis=2) == 500).all()


def test_shared_plans_face_the_same_rivals():
    late = [PitPlan.of((50, "HARD")), PitPlan.of((51, "HARD"))]
    state, watch = field(lap=20), tuple(str(i) for i in range(1, 5))
    shared = simulate(state, late, 400, 3, car_id="20", backend="numba", watch=watch)
    apart = simulate(state, late, 400, 3, car_id="20", backend="numba", watch=watch, mode="independent")
    same_place = (shared.watched_positions[0] == shared.watched_positions[1]).mean()
    assert same_place > 0.95
    assert (apart.watched_positions[0] == apart.watched_positions[1]).mean() < 0.7


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_published_numbers(counter, key, words):
    sim = np.array([counter[0]], np.uint32)
    assert tuple(int(w[0]) for w in oracle.philox(sim, *counter[1:], key[0], key[1])) == words


def test_normals_are_normal():
    z = oracle.normal(np.arange(65536))
    assert abs(z.mean()) < 1e-3
    assert abs(z.std() - 1) < 1e-3
    assert abs((z > 1.6449).mean() - 0.05) < 5e-4


def test_mojo_layout_is_in_step():
    assert (mojo_library.sources() / "race_layout.mojo").read_text() == layout.mojo_source()


@pytest.mark.parametrize("name", ptx.FILES)
def test_shipped_ptx_is_of_these_sources_and_assembles(name, tmp_path):
    text = ptx.load(name)
    assembler = shutil.which("ptxas")
    if assembler is None:
        pytest.skip("no ptxas to check the PTX with")
    (tmp_path / name).write_text(text)
    out = ["-o", str(tmp_path / "out.cubin")]
    done = subprocess.run(
        [assembler, f"-arch={ptx.ARCHITECTURE}", "-v", str(tmp_path / name), *out], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "0 bytes spill stores" in done.stderr


def test_an_unknown_backend_is_named():
    with pytest.raises(InputError, match="backend: 'fortran'"):
        choose("fortran")


@pytest.mark.skipif(cupy_race.available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said_so():
    with pytest.raises(ConfigurationError, match="no CUDA device"):
        simulate(field(lap=20), PLANS, 16, 1, "cupy", car_id="5")


def test_auto_runs_without_a_compiler(monkeypatch):
    monkeypatch.setattr(mojo_library, "available", lambda: False)
    monkeypatch.setattr(cupy_race, "available", lambda: False)
    assert simulate(field(lap=20), PLANS[:1], 16, 1, "auto", car_id="5").backend == "numba"


@pytest.mark.mojo
@pytest.mark.skipif(mojo_library.compiler() is None, reason="no Mojo compiler")
def test_a_compiler_that_fails_is_reported_and_replaced(monkeypatch, tmp_path, caplog):
    broken = tmp_path / "mojo"
    broken.write_text("#!/bin/sh\necho 'error: no licence' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(mojo_library, "compiler", lambda: broken)
    monkeypatch.setattr(
        mojo_library, "library_path", lambda *_: mojo_library._build(broken, "x86-64-v3", 8, tmp_path / "x.so")
    )
    monkeypatch.setattr(mojo_library, "backend", lambda *_: mojo_library.MojoBackend())
    with pytest.raises(ConfigurationError, match="no licence"):
        choose("mojo")
    assert choose("auto").name == "numba"
    assert "no licence" in caplog.text


@pytest.mark.mojo
@pytest.mark.integration
@pytest.mark.skipif(mojo_library.compiler() is None, reason="no Mojo compiler")
def test_two_processes_that_start_together_build_once(tmp_path):
    code = "from racetwin.simulation.backends import mojo_library; print(mojo_library.backend().path)"
    environment = {**os.environ, "RACETWIN_CACHE": str(tmp_path)}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [p.communicate(timeout=250) for p in both]
    assert [p.returncode for p in both] == [0, 0]
    assert said[0][0] == said[1][0]
    assert sum("compiling the race kernel" in err for _, err in said) == 1
    assert len(list((tmp_path / "mojo").glob("*.so"))) == 1
