"""What an architecture is: the schema, reading YAML, the catalogue of specs."""

from vlcalc.spec.loader import load_spec

__all__ = ["load_spec"]
