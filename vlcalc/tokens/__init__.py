"""Spec x request -> how many positions of the sequence an image takes, and what is left of it.

A policy of `tiling/` cuts one image; a `TokenBudget` multiplies it by the request and holds it
against the context window. All counts are integers and exact for open models, whose processors
have been run; for a hosted API they are its rule, with the status that the rule has.
"""
