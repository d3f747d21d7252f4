"""What can go wrong through no fault of the code: each message is one clear line that says what to do."""

from __future__ import annotations


class RacetwinError(Exception):
    """Base of every error a user can cause and mend; the command line prints its message and exits with 2."""


class ConfigurationError(RacetwinError):
    """A setting is wrong, a port is taken, a program is missing."""


class MissingExtraError(ConfigurationError, ImportError):
    """What an extra installs is not there."""


class DataError(RacetwinError):
    """Race data are missing or cannot be read."""


class InputError(RacetwinError, ValueError):
    """An argument, frame or plan does not make sense: the message names the field, the value and what was expected."""
