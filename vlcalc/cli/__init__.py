"""The command line: parse, call one function, write one string."""

from vlcalc.cli.app import main

__all__ = ["main"]
