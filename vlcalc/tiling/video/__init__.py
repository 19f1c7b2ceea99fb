"""Video policies: a video -> frames -> visual tokens. One file per policy.

Two rules follow each other. `sample` says how many frames a processor takes of a video of some
length: at a rate, but no fewer and no more than its bounds, in whole groups. `tile` says what these
frames cost: each as an image of its own, or in groups of frames that share their patches, within a
budget of pixels for a frame or for the whole clip. In the second case a longer clip is a smaller
picture, and its tokens stop growing.
"""
