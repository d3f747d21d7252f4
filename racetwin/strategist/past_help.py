"""Tells while an answer still comes that it can be none in the form asked for: a small model may go on with it for minutes.

Servers that keep to a schema do not keep to lengths (the strict schemas of OpenAI have none), so a model that has lost its way
repeats a sentence within one text until its tokens are used up.
"""

from __future__ import annotations

from pydantic import ValidationError
from pydantic_core import from_json

from racetwin.strategist.model_question import Wording

_FOR_GOOD = frozenset({"string_too_long", "too_long", "string_type", "tuple_type", "model_type"})
"""Faults that more text cannot mend: too long, too many, or not what was asked for. What is missing may still come."""


def past_help(text: str) -> str | None:
    """Return why an answer of which this much has come can never be a wording, None while it still can.

    Examples
    --------
    >>> past_help('{"title": "Box this lap')
    >>> past_help('{"title": "' + "Box this lap, box this lap, " * 3)
    'title: String should have at most 80 characters'
    """
    begin = text.find("{")
    if begin < 0:
        return None
    try:
        Wording.model_validate(from_json(text[begin:], allow_partial="trailing-strings"))
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_context=False, include_input=False):
            if fault["type"] in _FOR_GOOD:
                return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
    except ValueError:  # no JSON, or words after it: that is for whoever reads the whole answer
        return None
    return None
