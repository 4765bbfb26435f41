"""Pictures as arrays: decoding, the letterboxed frame, boxes drawn on them.

Knows nothing of models or data sets; imports nothing of ours.
"""
