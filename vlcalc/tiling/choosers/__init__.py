"""Choosers: which grid of tiles an image is cut into. One file per chooser."""
