"""From raw predictions to detections.

Imports the model's config, parts and targets.
"""
