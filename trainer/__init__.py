"""The RetinaNet: model, targets, losses, input pipeline, metrics, training.

Imports schemas. At this level stands what TFX calls and what can be set.
"""
