"""`vlcalc` and `python -m vlcalc`: silent when Ctrl-C comes while the commands are imported."""

import sys


def start() -> None:
    """Import the command line and run it."""
    try:
        from vlcalc.cli import main

        main()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    start()
