"""What others printed, beside what vlcalc counts.

A printed number is right when ours, written with as many digits, is it: parameters are exact, so
that any other difference has a cause (a head that is left out, a tied matrix counted twice, buffers
beside parameters), which the spec's note names. FLOPs are a matter of convention: one or two per
multiply-accumulate, logits of one position or of all, two or three matrices of a gated
feed-forward. A figure that its own convention gives is explained; where none does, the length of
the sequence is looked for that would. Claims of articles are recomputed by the functions that the
rest of vlcalc prints with, and judged by one rule: right, approximate (within 10 %), wrong.
"""
