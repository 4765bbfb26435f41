"""A model over a split: detections, numbers, pictures.

Imports image and metrics.
"""
