"""Pictures as arrays: decoding, the letterboxed frame, boxes drawn on them.

Imports nothing of ours; knows nothing of models or data sets.
"""
