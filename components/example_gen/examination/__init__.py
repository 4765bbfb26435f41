"""One image with its annotation through all rules.

Imports source and rules.
"""
