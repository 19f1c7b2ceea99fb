"""What a kernel takes on a device, from kernels that were timed there.

Each kernel has a roofline time: its FLOPs over the peak and its bytes over the bandwidth, joined,
and a floor. A table holds measured times; what is interpolated is the logarithm of measured over
roofline, which is smooth where the times are not. It is interpolated by ordinary kriging with an
exponential covariance over the logarithms of the sizes: between the points of a grid much like a
straight line in each direction, exact at a point, and unbiased among scattered ones. Libraries now
and then choose a bad kernel for a single size; a product that its neighbours contradict by more
than 30 % counts less for others. Beyond the table the ratio of its edge holds, and the prediction
says that it is extrapolated. A device without a table has its nearest relative's ratios on its own
roofline.
"""
