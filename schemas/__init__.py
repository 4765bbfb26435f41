"""The data contract: boxes, examples, feature keys, label maps."""
