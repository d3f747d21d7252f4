"""The words advice may use: the pit wall's vocabulary and the grammar around it, in ``lexicon.txt``.

The vocabulary is closed on purpose. A cause that no fact states ("graining", "engine", "team orders") needs a word that is not
in it, so it cannot pass unseen; what the race is made of is in it, and what is said of that is checked claim by claim.
"""

from __future__ import annotations

import re
from importlib.resources import files

WORDS = frozenset(files("racetwin.strategist").joinpath("lexicon.txt").read_text(encoding="utf-8").split())

CAUSAL = re.compile(
    r"\b(?:because|since|due to|owing to|thanks to|caused by|as a result|therefore|hence|thus|so that|which means|given|"
    r"after the (?!stop\b|rejoin\b)|as (?:the|our|we|it|they|he|[A-Z]{3}|car)\b)"
)
"""What claims a cause: what follows must be a fact."""

UP = frozenset({"gain", "gains", "gained", "save", "saves", "better", "more", "higher", "ahead", "up", "picks"})
DOWN = frozenset(
    {"lose", "loses", "losing", "lost", "cost", "costs", "worse", "less", "fewer", "lower", "short", "down", "away"}
)
"""Words of direction in a comparison: 'worth 0.31 points less' and 'costs 0.31 points' point the same way."""
