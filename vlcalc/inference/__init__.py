"""The four phases of inference: encode, fuse, prefill, decode; what each costs and holds.

Encode, fuse and prefill run many positions at once: a weight that is read serves them all, FLOPs
per byte are many, and a device's peak of FLOPs is what binds them. Decode runs one position a
sequence at a time and reads every weight and the whole cache for it: about one FLOP for each byte,
times the batch, so that bandwidth binds it until the batch is large (Pope et al., "Efficiently
scaling transformer inference", arXiv:2211.05102, section 2). The phases table shows FLOPs, bytes
and their ratio for each.

Read it in this order. `load.py` is what is asked, `plan.py` what that makes a model run: encoders
on which grids, the fusion on which dims, how many positions. `blocks/` cuts each phase into blocks
that are the same module on the same shapes, and says their FLOPs in closed form. `traces.py` runs
each block once on meta; `costs.py` reads bytes, time's operators and peak off that one trace and
sums them over a phase; `memory.py` has weights and cache, `inference.py` the sums of it all. What
is shown of it is in `tree.py`, `stages.py`, `verify.py`, `tables.py` and `document.py`; `pieces.py`
names the blocks for a clock.
"""
