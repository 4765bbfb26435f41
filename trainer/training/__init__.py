"""One training: fit, its callbacks, checkpoints, devices, tracking.

Imports the rooms of the model, the input, the metrics and evaluation, and the config.
"""
