"""What a strategist sees and touches: anywidget panels, each beside its script and style.

In come snapshots of the runtime and plain values of the common language; out go pictures, and what a viewer chooses. A panel
knows nothing of engines, feeds or files, and works alone in any notebook.
"""

from racetwin.widgets.advice import AdvicePanel
from racetwin.widgets.board import RaceDayBoard
from racetwin.widgets.deck import Deck
from racetwin.widgets.desk import DeskPanel
from racetwin.widgets.plans import PlansPanel
from racetwin.widgets.rejoin import RejoinPanel
from racetwin.widgets.rivals import RivalsPanel
from racetwin.widgets.scenario import ScenarioBench
from racetwin.widgets.status import StatusPanel
from racetwin.widgets.system import SystemPanel
from racetwin.widgets.timeline import Timeline
from racetwin.widgets.tower import TimingTower
from racetwin.widgets.trace import RaceTrace
from racetwin.widgets.track import TrackMap
from racetwin.widgets.tyres import TyrePanel
from racetwin.widgets.verdict import VerdictStrip
from racetwin.widgets.window import PitWindow

__all__ = [
    "AdvicePanel",
    "Deck",
    "DeskPanel",
    "PitWindow",
    "PlansPanel",
    "RaceDayBoard",
    "RaceTrace",
    "RejoinPanel",
    "RivalsPanel",
    "ScenarioBench",
    "StatusPanel",
    "SystemPanel",
    "Timeline",
    "TimingTower",
    "TrackMap",
    "TyrePanel",
    "VerdictStrip",
]
