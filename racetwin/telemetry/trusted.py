"""Frozen models made without validation, for values that are valid by construction."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel

M = TypeVar("M", bound=BaseModel)

_FIELDS: dict[type[BaseModel], set[str]] = {}


def trusted(model: type[M], values: dict[str, Any]) -> M:
    """Make a model of values that are known to be valid, in about a twentieth of the time that checking them takes.

    Unlike ``model_construct`` it takes ``values`` over as they are: every field must be there, and the dictionary must not be
    used again.
    """
    made = model.__new__(model)
    fields = _FIELDS.get(model)
    if fields is None:
        fields = _FIELDS[model] = set(model.model_fields)
    object.__setattr__(made, "__dict__", values)
    object.__setattr__(made, "__pydantic_fields_set__", fields)
    object.__setattr__(made, "__pydantic_extra__", None)
    object.__setattr__(made, "__pydantic_private__", None)
    return made
