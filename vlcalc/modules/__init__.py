"""The `nn.Module`s, and only they: what a fusion method computes. torch lives here."""
