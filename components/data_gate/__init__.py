"""Validation that stops a run before anything is trained on bad or drifted data.

Imports schemas.
"""
