"""Exports made, asked about pictures as they are served, judged, and put in a table.

Imports schemas, trainer, components, run and evaluation.
"""
