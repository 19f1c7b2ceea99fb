"""Layouts: how the vectors of a grid's tiles stand in the sequence. One file per layout."""
