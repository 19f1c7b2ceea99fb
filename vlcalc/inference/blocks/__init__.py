"""What each phase runs, as blocks: pieces of a model on one shape of inputs.

A model's layers are equal but for a few kinds, so that a phase is some ten blocks, each run so many
times. `block.py` says what a block and a pass are; `encode.py`, `fuse.py` and `inserted.py` have
those of the encoder and of the fusion; `language.py` is the protocol of language models, which
`decoder.py`, `encoder_decoder.py` and `text.py` satisfy; `phases.py` puts the four phases together.
"""
