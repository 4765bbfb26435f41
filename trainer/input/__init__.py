"""From TFRecord shards to batches: records, frames, their order, augmentation.

Knows no model. Imports schemas, image and augment.
"""
