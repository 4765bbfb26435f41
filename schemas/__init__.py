"""The contract: boxes, examples, feature keys, label maps, weights; config, processes.

Imports nothing of ours.
"""
