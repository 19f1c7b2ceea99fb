"""Tiling policies: pixels -> tiles -> patches -> visual tokens. Pure integers, a file a policy."""
