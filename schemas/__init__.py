"""The data contract: boxes, examples, feature keys, label maps, how a config is read.

Imports nothing of ours.
"""
