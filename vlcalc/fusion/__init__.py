"""Fusion methods: how vision reaches the language model, one file a method; torch stays out.

Early fusion merges before deep processing, mid fusion brings visual tokens into the language model
(into its sequence, or into layers that attend to them), late fusion compares one vector a modality
at the end. What a method costs follows from the linear maps, convolutions and attentions it is made
of: its file writes parameters and FLOPs as closed forms of its fields and of the `Dims` around it
(2 FLOPs a multiply-accumulate; norms, biases and activations are not counted), and says how many
positions of the sequence an image takes and how many vectors are only cross-attended. A projector
costs with every visual token and leaves them all to the prefill; a resampler costs with tokens
times queries, and caps what the language model sees; inserted layers leave the sequence alone and
cost with text times image. Each method names its module in `vlcalc.modules`, which must count the
same.
"""
