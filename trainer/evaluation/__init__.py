"""A model over a split: detections, numbers, pictures.

Imports schemas, image and metrics.
"""
