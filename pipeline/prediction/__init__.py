"""A served model on pictures: what it finds, drawn and as files.

Imports schemas, trainer and components.
"""
