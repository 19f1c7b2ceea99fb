"""The Python API: all that the commands do, as functions, and the defaults of both.

A function takes names, files or objects as they come (`arguments.py` reads them), computes in the
rooms below, and returns numbers in base units, in most cases with a `report()` of tables. It knows
nothing of options or terminals: an error names the argument, and the command line says which option
that is. So a notebook can do what a terminal can, and a command is one call.
"""
