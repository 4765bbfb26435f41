"""One training: fit, its callbacks, checkpoints, devices, processes, tracking.

Imports schemas, input, metrics, model, optimizer, evaluation and the config.
"""
