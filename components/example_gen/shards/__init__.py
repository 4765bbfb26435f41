"""Shards: their plan on disk, the worker processes that write them, their counts.

Imports schemas, source, examination, plan and the config; no Beam.
"""
