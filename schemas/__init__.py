"""The data contract: boxes, examples, feature keys, label maps; config, processes.

Imports nothing of ours.
"""
