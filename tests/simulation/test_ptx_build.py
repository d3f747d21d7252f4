"""The GPU code is made anew where MAX is installed, and is what is shipped: no GPU is needed for that."""

import shutil
import subprocess

import pytest

from racetwin.config import Settings
from racetwin.errors import ConfigurationError
from racetwin.servers import find_max, install_max
from racetwin.simulation.backends import ptx

pytestmark = [pytest.mark.max, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    try:
        program = find_max(Settings()) or install_max(Settings(), print)
    except ConfigurationError as error:
        pytest.skip(f"no MAX here, which brings what the compiler needs for GPUs: {error}")
    mojo = program.with_name("mojo")
    if not mojo.is_file():
        pytest.skip(f"no Mojo compiler beside {program}")
    return ptx.build(mojo, tmp_path_factory.mktemp("ptx"))


def test_the_shipped_ptx_is_what_the_compiler_makes_of_the_sources(made):
    assert {path.name: path.read_text() for path in made} == {name: ptx.load(name) for name in ptx.FILES}


def test_what_the_compiler_makes_assembles_without_spills(made):
    assembler = shutil.which("ptxas")
    if assembler is None:
        pytest.skip("no ptxas to check the PTX with")
    for path in made:
        said = subprocess.run(
            [assembler, "-v", f"-arch={ptx.ARCHITECTURE}", str(path), "-o", str(path.with_suffix(".cubin"))],
            capture_output=True, text=True, check=True,
        ).stderr  # fmt: skip
        assert "0 bytes spill stores" in said
