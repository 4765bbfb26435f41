"""RetinaNet in keras.ops: backbone, pyramid, heads, targets, losses, decoding."""
