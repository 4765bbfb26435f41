"""Layers and operations that the model is put together from.

Imports the model's config alone.
"""
