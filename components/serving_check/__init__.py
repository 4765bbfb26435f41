"""Proof that the exported model can be served, before anything serves it.

Imports schemas alone: a server has no trainer either.
"""
