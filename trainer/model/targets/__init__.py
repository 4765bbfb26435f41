"""Anchors, which of them stand for which object, and what each is to predict.

Imports schemas and the model's config and parts.
"""
