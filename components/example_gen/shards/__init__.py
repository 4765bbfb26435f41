"""Shards: their plan on disk, the worker processes that write them, their counts.

Imports schemas, source, rules, examination, plan and the config; no Beam.
"""
