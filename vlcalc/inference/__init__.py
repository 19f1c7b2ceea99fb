"""The four phases of inference: encode, fuse, prefill, decode; what each costs and holds."""
