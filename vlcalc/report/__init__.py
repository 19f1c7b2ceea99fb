"""A table of raw values with columns and units -> text. Pure: nothing here prints.

A `Column` says what a cell means and who reads it; values stay raw until a format writes them, so
that a machine gets base units and a person gets words. Formats stream: one row in, one line out,
but for `table`, which must see all rows to know how wide they are.
"""
