"""Backbones by name, and the files that their weights come from.

Imports the model's config and parts.
"""
