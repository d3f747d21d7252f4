"""Tabs of the board: which of the panels that share one place is seen."""

from __future__ import annotations

from collections.abc import Mapping

from racetwin.widgets._panel import Panel, pack, script, style


class Deck(Panel):
    """A row of tabs. Choosing one is the viewer's own affair: two screens of one race may look at different things.

    >>> deck = Deck()
    >>> deck.offer({"trace": "Race trace", "rivals": "Rivals"})
    """

    _esm = script("deck")
    _css = style("deck")

    def offer(self, views: Mapping[str, str]) -> None:
        """Offer these views, name to title, in order; the first is shown until another is chosen."""
        self.data = pack({"views": [{"name": name, "title": title} for name, title in views.items()]})
