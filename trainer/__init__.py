"""The RetinaNet: model, targets, losses, input pipeline, metrics, training."""
