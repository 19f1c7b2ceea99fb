"""What surrounds the fusion, in closed form: vision encoders and language models. torch stays out.

A layer of width d on n positions costs 2 FLOPs a weight and position in its projections and its
feed-forward (Kaplan et al., arXiv:2001.08361, section 2.1), and 4 n^2 d in attention, counted in
full; with the usual 12 d^2 weights the first part is the larger until n passes 6 d. A decoded token
costs 2 FLOPs a weight and 4 n d of attention over its n cached positions. Each shape says its
parameters, FLOPs and cache, and builds the module of `vlcalc.modules` that has exactly these. All
language models answer the protocol of `language.py`, whichever shape they have.
"""
