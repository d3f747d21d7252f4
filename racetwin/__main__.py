"""`python -m racetwin` is `racetwin`."""

from racetwin.cli import main

if __name__ == "__main__":
    main()
