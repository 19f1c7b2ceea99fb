"""What the weights of a checkpoint are, read from the headers of their files and never beyond.

A safetensors file begins with a JSON object that lists its tensors, a GGUF file with a binary list
of them; both say name, dtype, shape and place of each. That is enough for the exact bytes of every
tensor, and for the number of parameters, also where several share a word (AWQ, GPTQ, bitsandbytes,
compressed-tensors, MXFP4, NVFP4): what is packed is unpacked by its shape, and the constants of its
groups (scales, zero points) count as bytes but not as parameters. Buffers that a checkpoint stores
are neither; they are listed apart.

A header is whatever a stranger wrote: every length is held against the size of the file before
anything is read or allocated, and places must lie in the file without overlap. Readers take a
`ByteSource`, so that a remote file can be read by ranges.
"""
