"""The command line: a command reads text into arguments, calls one function of `api/`, writes.

Nothing is computed here and no default stands here. What a word on the command line means (`4K`,
`3x2`, a list with commas) is read by `edge.py` and `core/units.py`, with the option that it came
from in the error; names are passed on as they are, and an error of the API that names an argument
is printed with its option. An option that is given twice, or empty, is refused before anything is
computed; so are formats and files that cannot be written.
"""

from vlcalc.cli.app import main

__all__ = ["main"]
