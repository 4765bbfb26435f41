"""From TFRecord shards to batches: records, frames, their order, augmentation.

Imports schemas, image and augment; knows no model.
"""
