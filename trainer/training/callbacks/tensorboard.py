"""Losses, rate, mAP and images with detections for TensorBoard."""

import numpy as np
import tensorflow as tf

from trainer.training.callbacks.state import TrainingState
from trainer.training.callbacks.write_scalars import WriteScalars

PICTURES_TAG = "eval/detections"


class TensorBoard(WriteScalars):
    """Writes scalars, and the pictures of each evaluation, to event files."""

    def __init__(self, state: TrainingState, directory: str) -> None:
        super().__init__(state)
        self.writer = tf.summary.create_file_writer(directory)

    def write(self, values: dict[str, float]) -> None:
        """One scalar a name."""
        with self.writer.as_default(step=self.state.step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
        self.writer.flush()

    def on_evaluation(self) -> bool:
        """The pictures go beside the numbers."""
        written = super().on_evaluation()
        pictures = self.state.pictures
        if written and pictures:
            with self.writer.as_default(step=self.state.step):
                tf.summary.image(
                    PICTURES_TAG, np.stack(pictures), max_outputs=len(pictures)
                )
            self.writer.flush()
        return written
