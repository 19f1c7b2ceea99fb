"""A real device: timed forward passes, measured memory, calibration."""
