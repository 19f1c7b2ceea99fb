"""The torch modules: those of the fusion methods, of vision encoders and of language models.

A module is what a count is held against, and what is timed: with random weights on a device, or on
meta, where shapes are all there is. Every contraction goes through a linear layer, a matrix
product, a convolution or `scaled_dot_product_attention`, so that a counter of operators sees it;
nothing that is built stays uncalled. Constructors take every option by name and have no defaults
for what a spec may set: defaults stand in the fields of `vlcalc.fusion` and `vlcalc.backbones`. The
module of a method that would have its name ends in `Module`. Shapes in comments: b batch, n visual
tokens, m latents or queries, s text tokens, d vision width, t text width, h heads, e head width.
"""
