"""Fusion methods: how vision reaches the language model. One file per method; torch stays out."""
