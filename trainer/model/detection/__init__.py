"""From raw predictions to detections.

Imports schemas and the model's config, parts and targets.
"""
