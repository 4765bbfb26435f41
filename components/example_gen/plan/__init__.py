"""Which image goes with which annotation, and into which split.

Imports source, rules and examination.
"""
