"""What every room stands on: errors, registries, number formats, image sizes and their files.

Numbers are base units (bytes, seconds, FLOPs, pixels) everywhere; `units` alone turns a number
into text or a text into a number. An `InputError` says what was expected, what came, where, and a
hint; whatever else is raised is a fault of ours. Nothing here knows what a model is.
"""
