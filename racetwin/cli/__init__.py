"""The command line: `racetwin COMMAND --help` explains each command with an example."""

from __future__ import annotations

import sys

from racetwin.cli.app import app
from racetwin.errors import RacetwinError

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; an error that the user can mend is one line on stderr and exit code 2."""
    try:
        app()
    except RacetwinError as error:
        print(f"racetwin: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of a pipe has left; there is nobody to tell
        sys.exit(141)
