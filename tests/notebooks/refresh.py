"""Run the notebooks and keep their outputs as the ones to compare with: ``python tests/notebooks/refresh.py [NAME ...]``.

Do that after a change that is meant to change them (new parameters, another wording), and read the difference before
committing it. Messages on stderr, widget views and widget state are not kept.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "notebooks"
_VIEW = "application/vnd.jupyter.widget-view+json"


def refresh(path: Path) -> None:
    """Execute one notebook and write it back with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            kept = [o for o in cell.outputs if o.get("name") != "stderr"]
            for output in kept:
                output.get("data", {}).pop(_VIEW, None)
            cell.outputs = kept
    nbformat.write(notebook, path)


def main(names: list[str]) -> None:
    """Refresh the named notebooks, or all of them."""
    os.environ["RACETWIN_REHEARSE_LAPS"] = "3"
    for name in ("RACETWIN_ENGINE", "RACETWIN_DATA"):
        os.environ.pop(name, None)
    for path in sorted(FOLDER.glob("*.ipynb")):
        if not names or path.name in names:
            refresh(path)
            print(path.name)


if __name__ == "__main__":
    main(sys.argv[1:])
