"""Pictures as arrays: decoding, the letterboxed frame, boxes drawn on them.

Imports schemas (what EXIF says); knows nothing of models or data sets.
"""
