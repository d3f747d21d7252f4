"""One specification, several executions: every backend, width, thread count and cut gives the same races."""

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from builders.race_cases import CASES, PLANS, field, packed_case, same

from racetwin.config import Settings
from racetwin.errors import ConfigurationError, InputError
from racetwin.simulation import PitPlan
from racetwin.simulation.backends import choose, cupy_race, mojo_library, ptx
from racetwin.simulation.backends.numba_backend import NumbaBackend
from racetwin.simulation.detail import plan_detail
from racetwin.simulation.montecarlo import simulate
from racetwin.simulation.parameter_file import load_parameters
from racetwin.simulation.sharding import merge
from racetwin.simulation.spec import layout, program
from racetwin.simulation.spec.pack import pack
from racetwin.simulation.trace import trace_race

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


@pytest.mark.mojo
@pytest.mark.skipif(mojo_library.compiler() is None, reason="no Mojo compiler")
def test_it_builds_for_arm64_too(tmp_path):
    out = tmp_path / "race.o"
    command = mojo_library.build_command(mojo_library.compiler(), "generic", 4, out)
    command[command.index("shared-lib")] = "object"  # a library would need that system's linker
    command[2:2] = ["--target-triple", "aarch64-unknown-linux-gnu"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    made = out.read_bytes()
    assert made[:4] == b"\x7fELF"
    assert int.from_bytes(made[18:20], "little") == 0xB7  # ELF's number for aarch64
    assert all(name in made for name in (b"racetwin_batch", b"racetwin_screen", b"racetwin_layout"))


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


def test_gaps_to_watched_cars_are_the_times_between_them_and_add_up_over_cuts():
    state, watch = field(lap=20), ("4", "6", "9")
    kwargs = {"car_id": "5", "backend": "numba", "watch": watch}
    whole = simulate(state, PLANS, 300, 9, **kwargs)
    parts = [simulate(state, PLANS, b - a, 9, first_race=a, **kwargs) for a, b in ((0, 37), (37, 300))]
    assert np.array_equal(whole.gaps_ms, merge(parts).gaps_ms)
    for q, car in enumerate(watch):
        gap = whole.gaps_s(car)
        both = ~np.isnan(gap)
        assert both.mean() > 0.6
        assert np.array_equal(
            gap[both] > 0, (whole.positions < whole.watched_positions[..., q])[both] & (gap[both] != 0)
        )
    detail = plan_detail(state, PLANS[0], 300, 9, car_id="5", rivals=watch)
    shown = np.stack([whole.gaps_s(car)[0] for car in watch], axis=1)
    np.testing.assert_allclose(detail.gaps_s, shown, atol=0.0021)


@pytest.mark.parametrize("name", [pytest.param(name, marks=needs_mojo) for name in CASES])
def test_mojo_screens_as_numba_bit_for_bit(name):
    packed = packed_case(name)
    watch = np.array([0, 1], np.int32)
    assert same(mojo_library.backend().screen(packed, 7, 300, watch), NumbaBackend().screen(packed, 7, 300, watch))


def test_the_screen_ranks_plans_much_as_the_race_does():
    state = field(lap=20)
    plans = [PitPlan.of((lap, c)) for lap in range(21, 52, 3) for c in ("HARD", "SOFT")]
    plans += [PitPlan.of((lap, "HARD"), (lap + 15, "SOFT")) for lap in range(21, 38, 3)]
    kwargs = {"car_id": "3", "backend": "numba"}
    race = simulate(state, plans, 400, 2, **kwargs).positions.mean(axis=1)
    screen = simulate(state, plans, 400, 2, mode="screen", **kwargs)
    assert np.corrcoef(race, screen.positions.mean(axis=1))[0, 1] > 0.8
    assert race[screen.positions.mean(axis=1).argmin()] <= np.sort(race)[4]
    assert np.array_equal(screen.histogram[:, 2].sum(axis=1), np.full(len(plans), 400))
    cut = [simulate(state, plans, n, 2, first_race=a, mode="screen", **kwargs) for a, n in ((0, 100), (100, 300))]
    assert np.array_equal(screen.positions, merge(cut).positions)


@pytest.mark.parametrize("run", [NumbaBackend, pytest.param(lambda: mojo_library.backend(), marks=needs_mojo)])
def test_a_race_called_off_early_is_the_same_race_so_far(run):
    state = field(lap=20)
    packed = pack(state, load_parameters(state.circuit_id, 2023), [], None, 5)
    everyone = np.arange(20, dtype=np.int32)
    cut = run()(packed.cut(6), 0, 200, True, everyone).watched[0]
    position = np.array([trace_race(state, 5, race=r).position[5] for r in range(20)])
    assert np.array_equal(cut[:20], position)
    with pytest.raises(InputError, match="laps: 60, expected 1 to 37"):
        packed.cut(60)


@pytest.mark.mojo
@pytest.mark.skipif(not mojo_library.available(), reason="no Mojo compiler and no library built before")
def test_races_called_off_early_are_the_same_on_mojo_whatever_ran_before():
    mojo, numba = mojo_library.backend(), NumbaBackend()
    watch = np.arange(20, dtype=np.int32)
    for k, name in enumerate(n for n in CASES if packed_case(n).n == 20):
        packed = packed_case(name)
        for laps in (1, 2, 5 + k, packed.laps):
            short = packed.cut(min(laps, packed.laps))
            assert same(mojo(short, k, 40, True, watch), numba(short, k, 40, True, watch))


def spoilt(**changes):
    packed = packed_case("mid-race")
    f, i, plans = packed.f.copy(), packed.i.copy(), packed.plans.copy()
    for name, value in changes.items():
        if name == "plan_stops":
            plans[0, 0] = value
        elif name == "plan_compound":
            plans[0, layout.PLAN_COMPOUND] = value
        else:
            i[layout.I_INDEX[name]] = value
    return replace(packed, f=f, i=i, plans=plans)


SPOILT = {
    "I_LAPS": (5, "laps"),
    "I_N": (25, "cars 25, expected 1 to 24"),
    "I_OWN": (20, "our car's index 20, expected -1 to 19"),
    "I_COMPOUND": (7, "compound 7, expected 0 to 4"),
    "I_MATE": (31, "team-mate's index 31"),
    "I_TIME": (-5, "time in ticks -5"),
    "I_PLANS": (9, "stops of a plan 9, expected 0 to 4"),
    "plan_stops": (5, "stops of a plan 5, expected 0 to 4"),
    "plan_compound": (-1, "compound of a planned stop -1"),
}


@pytest.mark.parametrize("name", SPOILT)
@pytest.mark.parametrize("run", [NumbaBackend, pytest.param(lambda: mojo_library.backend(), marks=needs_mojo)])
def test_packed_input_that_disagrees_with_itself_is_refused(name, run):
    value, message = SPOILT[name]
    packed = spoilt(**{name: value})
    watch = np.zeros(0, np.int32)
    with pytest.raises(InputError, match=message):
        run()(packed, 0, 16, True, watch)
    with pytest.raises(InputError, match=message):
        run().screen(packed, 0, 16, watch)


@pytest.mark.mojo
@pytest.mark.skipif(not mojo_library.available(), reason="no Mojo compiler and no library built before")
def test_the_library_itself_refuses_what_would_lead_it_outside_its_buffers(monkeypatch):
    monkeypatch.setattr(mojo_library, "check", lambda *_: None)
    mojo, watch = mojo_library.backend(), np.zeros(0, np.int32)
    for name, (value, _) in SPOILT.items():
        with pytest.raises(InputError, match="packed race: "):
            mojo(spoilt(**{name: value}), 0, 16, True, watch)
    packed = packed_case("mid-race")
    for step in ((9, 0, 0, 0), (program.DRIVE, 99, 0, 1), (program.DRIVE, 0, 0, 200), (program.TAKE_UP, 77, 0, 0)):
        program_ = np.array([(program.SCENARIO, 0, 0, 0), (program.START, 0, 0, 0), step], np.int32)
        monkeypatch.setattr(program, "tree", lambda *_, rows=program_: rows)
        with pytest.raises(InputError, match="a program that leaves its plans or laps"):
            mojo(packed, 0, 16, True, watch)


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


@pytest.mark.parametrize(("cpu", "lanes"), mojo_library.SHIPPED)
def test_shipped_libraries_are_of_these_sources_and_need_the_c_library_alone(cpu, lanes):
    (path,) = (mojo_library.sources() / "lib").glob(f"*-{cpu}-w{lanes}-*.so")
    assert path.name.startswith(mojo_library._stem(cpu, lanes))
    reader = shutil.which("readelf")
    if reader is None:
        pytest.skip("no readelf to see what the library needs")
    said = subprocess.run([reader, "-d", str(path)], capture_output=True, text=True, check=True).stdout
    assert [line.split("[")[1].rstrip("]") for line in said.splitlines() if "(NEEDED)" in line] == ["libc.so.6"]


@pytest.mark.skipif(
    sys.platform != "linux" or mojo_library.target() not in mojo_library.SHIPPED,
    reason="no library shipped for this machine",
)
def test_without_a_compiler_the_shipped_library_races_as_numba(monkeypatch, tmp_path):
    monkeypatch.setattr(mojo_library, "compiler", lambda: None)
    monkeypatch.setattr(mojo_library, "settings", lambda: Settings(cache=tmp_path))
    mojo = mojo_library.MojoBackend()
    assert mojo.path.parent == mojo_library.sources() / "lib"
    packed, watch = packed_case("mid-race"), np.array([0, 1], np.int32)
    assert same(mojo(packed, 7, 300, True, watch), NumbaBackend()(packed, 7, 300, True, watch))


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
    monkeypatch.setattr(mojo_library, "backend", cache(lambda *_: mojo_library.MojoBackend()))
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
