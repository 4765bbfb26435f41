"""The curated schema enters the run.

Imports nothing of ours.
"""
