"""In which form a server takes a question: servers of the same API differ in the fields they know, and say so with a 400 or 422.

A reasoning model of OpenAI takes ``max_completion_tokens`` in place of ``max_tokens`` and no ``temperature`` but its own; other
servers know no ``seed``, no ``stream_options``, or no ``response_format`` (MAX on a CPU). None of these is needed for an answer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

HIDDEN_TOKENS = 4_000
"""What is added to the tokens of the answer where they are asked for as ``max_completion_tokens``: the models that want that
field count what they think in it, too, and would end before the first word of the answer."""

_FIELDS = {
    "response_format": re.compile(r"response[_ -]?format|json[_ -]?schema|\bstructured", re.IGNORECASE),
    "stream_options": re.compile(r"\bstream[_ -]?options\b|\binclude_usage\b", re.IGNORECASE),
    "stream": re.compile(r"\bstream(?:ing)?\b(?![ -]options)", re.IGNORECASE),
    "max_tokens": re.compile(r"\bmax[_ ]tokens\b", re.IGNORECASE),
    "temperature": re.compile(r"\btemperature\b", re.IGNORECASE),
    "seed": re.compile(r"\bseed\b", re.IGNORECASE),
}
"""What can be given up, and how servers name it."""
_PARAM = re.compile(r"""["']param["']\s*:\s*["']([^"']+)["']""")
"""Where a server says outright which field it refuses, as OpenAI does."""
_TOO_LONG = re.compile(r"\bcontext (?:length|window)\b", re.IGNORECASE)
"""A question that is too long: the text may name ``max_tokens``, but leaving a field out does not make it shorter."""


def in_form(question: Mapping[str, Any], given_up: Collection[str]) -> dict[str, Any]:
    """Return a question without the fields that a server refuses; the limit of tokens is then asked for by its newer name."""
    body = {name: value for name, value in question.items() if name not in given_up}
    if "stream" in given_up:  # OpenAI refuses the options of a stream that is not asked for
        body.pop("stream_options", None)
    if "max_tokens" in given_up and "max_tokens" in question:
        body["max_completion_tokens"] = question["max_tokens"] + HIDDEN_TOKENS
    return body


def refused_field(body: Mapping[str, Any], said: str) -> str | None:
    """Return the field to leave out after a refusal, None if none is to blame.

    The field that the server names, the first one if it names several; the schema if it names nothing we know, because that is
    the part of the question that servers differ most in.

    Examples
    --------
    >>> refused_field({"seed": 1, "temperature": 0.0}, "Unsupported value: 'temperature' does not support 0 with this model.")
    'temperature'
    """
    if _TOO_LONG.search(said):
        return None
    sent = {name: pattern for name, pattern in _FIELDS.items() if name in body}
    for text in (*_PARAM.findall(said), said):
        named = [(found.start(), name) for name, pattern in sent.items() if (found := pattern.search(text))]
        if named:
            return min(named)[1]
    return "response_format" if "response_format" in body else None
