"""Executions of the one race specification: Numba (reference and fallback), Mojo on the CPU, the Mojo body as PTX on a GPU."""

from __future__ import annotations

import logging
from functools import cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from racetwin.config import settings
from racetwin.errors import ConfigurationError, InputError
from racetwin.simulation.backends import cupy_race, mojo_library, numba_backend
from racetwin.simulation.backends.totals import Totals
from racetwin.simulation.spec.pack import Packed

BACKENDS = ("auto", "numba", "mojo", "cupy")


class Backend(Protocol):
    """Something that runs races ``first .. first + n_races`` of every plan."""

    name: str
    threaded: bool
    """Whether calls from several threads run side by side."""

    def __call__(self, packed: Packed, first: int, n_races: int, shared: bool, watch: npt.NDArray[np.int32]) -> Totals:
        """Run them."""


class Screener(Protocol):
    """A backend that also drives our car alone through a recorded field."""

    name: str
    threaded: bool

    def screen(self, packed: Packed, first: int, n_races: int, watch: npt.NDArray[np.int32]) -> Totals:
        """Do so in races ``first .. first + n_races`` under every plan."""


def screener(name: str = "auto") -> Screener:
    """Return the backend that screens where ``name`` runs the races: a CPU, which is done before a GPU would have begun."""
    found = choose("auto" if name == "cupy" else name, 0)
    if isinstance(found, (mojo_library.MojoBackend, numba_backend.NumbaBackend)):
        return found
    return mojo_library.backend() if mojo_library.available() else numba_backend.NumbaBackend()


def choose(name: str = "auto", size: int = 0) -> Backend:
    """Return the backend of that name; ``auto`` takes the fastest that runs here.

    ``size`` is the number of candidate races asked for: ``auto`` leaves a small batch on the CPU, where it is done before a GPU
    would have begun.
    """
    if name not in BACKENDS:
        raise InputError(f"backend: {name!r}, expected one of {', '.join(BACKENDS)}")
    if name == "auto":
        name = settings().backend
    if name == "cupy" or (name == "auto" and size >= cupy_race.WORTHWHILE and cupy_race.available()):
        try:
            return cupy_race.backend()
        except ConfigurationError as e:
            if name == "cupy":
                raise
            _warn_once(str(e))
    if name == "mojo" or (name == "auto" and mojo_library.available()):
        try:
            return mojo_library.backend()
        except ConfigurationError as e:
            if name == "mojo":
                raise
            _warn_once(str(e))
    return numba_backend.NumbaBackend()


@cache
def _warn_once(message: str) -> None:
    logging.getLogger(__name__).warning("%s; using a slower backend, whose races are the same", message)
