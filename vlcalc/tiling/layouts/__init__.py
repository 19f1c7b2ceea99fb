"""Layouts: how the vectors of a grid's tiles stand in the sequence. One file per layout.

Tile after tile, their number is the sum over the tiles. Stitched, the tiles' vectors are one map
again: padding can be cut off it, a newline can end each of its rows, and it can be shrunk, so that
the number depends on the image's own shape and not on the grid alone.
"""
