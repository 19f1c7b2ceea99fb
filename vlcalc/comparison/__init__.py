"""Fusion methods side by side, on one encoder and one language model.

A `Setting` fixes everything but the method: the grid of visual tokens, the prompt, the batch and
the number format. Each method is then one row, in closed form; peak activations alone are counted
from its module on the meta device.
"""
