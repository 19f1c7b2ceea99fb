"""A real device: timed forward passes, measured memory, calibration.

A time is the median of blocks of runs after a warm-up, beside its interquartile range, and is
flagged where that is over a tenth of it; CUDA is timed by its own events, a CPU by the clock. Peak
memory is what the allocator had at most. A calibration times operators over grids of sizes, and a
prediction reads its rates: it is the better, the nearer a case lies to what was timed.
"""
