"""Shards: their plan on disk, the worker processes that write them, their counts.

Imports source, rules, examination and plan; no Beam.
"""
