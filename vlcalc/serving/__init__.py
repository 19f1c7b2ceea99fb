"""Serving a model on devices: how fast each phase is, how it is split, what fits into memory.

An operator takes the longer of its FLOPs over the device's peak and its bytes over the bandwidth
(the roofline, `vlcalc.cost.roofline`), at shares of both that the device's file states or a
calibration measured, and a start. Operators run one after another, so a phase is their sum; what
took most of it is named beside it: compute for a long prompt, bandwidth for a decoded token, starts
for small models. Between devices, two all-reduces a layer come on top (Megatron-LM,
arXiv:1909.08053). What must fit is weights, the full cache, the peak of activations and a
workspace, beside a reserve; the largest load that fits is found by counting loads and one more.
Nothing is traced here: time and memory are read off the traces of `vlcalc.inference`.
"""
