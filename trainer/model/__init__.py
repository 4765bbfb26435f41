"""RetinaNet in keras.ops: backbone, pyramid, heads, targets, losses, decoding.

Imports schemas; knows no data set and no training.
"""
