"""Proof that the exported model can be served, before anything serves it.

Imports schemas and baseline, and no trainer: a server has none either.
"""
