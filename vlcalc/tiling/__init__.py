"""Tiling: pixels -> tiles -> patches -> visual tokens, in integers. A file a policy.

A vision encoder takes inputs of shapes that it was trained on, so a processor first resizes an
image, then perhaps cuts it into tiles; the encoder splits each tile into patches, and each patch,
or each square of merged patches, gives one vector. How many there are follows from the image's
width and height alone, never from what it shows: `Tiling` says it, exactly for open models, whose
processors were run on thousands of sizes, and by the rule as it is known for hosted APIs. Most of
the differences between models are ways of rounding, which is why every policy keeps the arithmetic
of its source, floating point included. `explain` gives the same count a step a line.
"""
