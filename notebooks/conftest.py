"""Settings under which the notebooks are tests: a live one rehearses three laps in an engine of its own, then stops."""

import os

os.environ["RACETWIN_REHEARSE_LAPS"] = "3"
os.environ.pop("RACETWIN_ENGINE", None)
