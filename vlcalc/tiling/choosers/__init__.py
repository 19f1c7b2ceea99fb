"""Choosers: which grid of tiles an image is cut into. One file per chooser.

A chooser weighs what a grid of `columns` x `rows` tiles keeps of the image: its shape, its pixels,
or neither where only the longer side counts. Every tile costs one run of the encoder, so grids have
a bound; on ties the order in which they are tried decides, and that order is part of the rule.
"""
