"""Backbones by name, and the files that their weights come from.

Imports schemas and the model's config and parts.
"""
