"""Random image operations that move boxes with pixels; one file per operation.

Imports image.
"""
