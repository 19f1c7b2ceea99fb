"""Video policies: frames -> visual tokens. One file per policy."""
