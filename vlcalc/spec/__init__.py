"""What an architecture is: the schema, reading YAML, the catalogue of `specs/`.

A spec is data: its field names are its YAML keys, unknown keys are refused, and what can be
derived is not stated. A name leads to a file, a file to a document that still knows its lines, and
a document to a frozen spec; every error of a file is gathered and says where it is.
"""
