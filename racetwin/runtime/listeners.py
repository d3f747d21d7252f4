"""Functions that are told of each new value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Listeners(Generic[T]):
    """The functions to be told; they may come and go at any time, from any thread, also while they are told.

    Examples
    --------
    >>> listeners = Listeners[int]()
    >>> remove = listeners.add(print)
    >>> for listener in listeners:
    ...     listener(7)
    7
    >>> remove()
    >>> len(list(listeners))
    0
    """

    def __init__(self) -> None:
        self._all: tuple[Callable[[T], None], ...] = ()

    def add(self, listener: Callable[[T], None]) -> Callable[[], None]:
        """Tell ``listener`` from now on; returns the function that ends that."""
        self._all = (*self._all, listener)

        def remove() -> None:
            self._all = tuple(known for known in self._all if known is not listener)

        return remove

    def __iter__(self) -> Iterator[Callable[[T], None]]:
        return iter(self._all)
