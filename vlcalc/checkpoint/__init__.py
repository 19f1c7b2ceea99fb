"""A Hugging Face checkpoint's configuration files -> the same frozen spec that YAML gives.

A checkpoint says what it is in `config.json` (the shapes of its parts), and how an image becomes
tokens in the files of its processor. Both leave out what the class of that `model_type` has as its
default, so every reader carries the defaults of its class as data; a test holds them against the
real class. Nothing that a file names is opened and nothing in it is run: `auto_map`, remote code
and paths are never looked at, and a design that the spec cannot say is refused in one line.

A family of models is one file of `families/`; it puts together an encoder of `encoders/`, a
language model of `decoders/`, a tiling and a fusion. Every value of the spec remembers the file and
the key that it came from.
"""
