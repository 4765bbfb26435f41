"""The preprocessing function that TFX Transform analyses and the trainer applies.

Imports schemas.
"""
