"""Serving a model on devices: how fast each phase is, how it is split, what fits into memory."""
