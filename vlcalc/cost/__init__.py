"""What a module costs, counted on the meta device: parameters, FLOPs, operators, peak memory.

On meta a tensor has a shape and no data, so that the largest model runs in milliseconds and every
operator can be seen. FLOPs are 2 per multiply-accumulate of contractions; they are counted by
fvcore with handles of ours and by torch's own counter, and closed forms must equal both. Bytes are
those of each operator's inputs and outputs, once: what a cache on the device keeps between two is
not seen. Peak memory is the most bytes of storages alive at once, under a named attention kernel:
what a kernel allocates and frees within itself is not seen. The roofline turns FLOPs and bytes into
seconds: an operator with fewer FLOPs per byte than the device's ratio of peaks is bound by
bandwidth, any other by compute (Williams et al., CACM 52(4), 2009).
"""
