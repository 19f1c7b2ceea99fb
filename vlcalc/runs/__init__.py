"""Timed runs as files keep them, two of them side by side, and how far predictions were off.

A row is one case under its conditions: median, spread and number of blocks, or the reason why it
could not be timed. A difference is worth telling where medians lie further apart than the spreads.
"""
