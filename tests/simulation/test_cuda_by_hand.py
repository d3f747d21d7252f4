"""The CUDA C++ race that the GPU code is measured against: the same races, run as plain C++, and assembled by nvcc."""

import ctypes
import re
import shutil
import subprocess

import numpy as np
import pytest
from builders.race_cases import CASES, packed_case

from racetwin.simulation.backends import ptx
from racetwin.simulation.backends.cuda_source import OPTIONS, cuda_source
from racetwin.simulation.backends.numba_backend import NumbaBackend

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def race_host(tmp_path_factory):
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler to run the CUDA source on the CPU with")
    folder = tmp_path_factory.mktemp("cuda")
    (folder / "race.cpp").write_text(cuda_source())
    options = ["-O2", "-std=c++17", "-ffp-contract=off", "-shared", "-fPIC"]
    subprocess.run([compiler, *options, str(folder / "race.cpp"), "-o", str(folder / "race.so")], check=True)
    function = ctypes.CDLL(str(folder / "race.so")).race_host
    p, i, u = ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32
    function.argtypes, function.restype = [p, p, p, i, u, i, i, p], None
    return function


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("shared", [True, False])
def test_hand_written_cuda_races_as_numba(race_host, name, shared):
    packed, races, first = packed_case(name), 96, 7
    keys = np.zeros((len(packed.plans), packed.n, races), np.uint32)
    buffers = (packed.f.ctypes.data, packed.i.ctypes.data, packed.plans.ctypes.data)
    race_host(*buffers, len(packed.plans), first, races, int(shared), keys.ctypes.data)
    places = np.argsort(keys & 31, axis=1).transpose(0, 2, 1) + 1
    numba = NumbaBackend()(packed, first, races, shared, np.arange(packed.n, dtype=np.int32))
    assert np.array_equal(places, numba.watched)


def test_it_assembles_without_spills_and_fits_as_many_threads_as_the_ptx(tmp_path):
    nvcc, assembler = shutil.which("nvcc"), shutil.which("ptxas")
    if nvcc is None or assembler is None:
        pytest.skip("no nvcc to compile the CUDA source with")
    (tmp_path / "race.cu").write_text(cuda_source())
    (tmp_path / "race.ptx").write_text(ptx.load("race-20.ptx"))
    defines = [f"-DSLOTS={ptx.SLOTS[0]}", f"-DTHREADS={ptx.THREADS}"]
    out = ["-cubin", str(tmp_path / "race.cu"), "-o", str(tmp_path / "race.cubin")]
    mine = subprocess.run(
        [nvcc, *OPTIONS, "-arch=sm_90", *defines, "-Xptxas", "-v", *out], capture_output=True, text=True, check=True
    ).stderr
    theirs = subprocess.run(
        [assembler, "-v", "-arch=sm_90", str(tmp_path / "race.ptx"), "-o", str(tmp_path / "ptx.cubin")],
        capture_output=True, text=True, check=True,
    ).stderr  # fmt: skip
    for said in (mine, theirs):
        assert "0 bytes spill stores" in said
        assert int(re.search(r"Used (\d+) registers", said)[1]) <= 128  # more, and registers would limit the threads
    memory = [re.search(r"(\d+) bytes smem", said)[1] for said in (mine, theirs)]
    assert memory[0] == memory[1]
