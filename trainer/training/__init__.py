"""One training: fit, its callbacks, checkpoints, devices, tracking.

Imports schemas, metrics, model, optimizer, evaluation and the config.
"""
