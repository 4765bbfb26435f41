"""Scalars for the tracking services."""

from collections.abc import Sequence

from trainer.training.callbacks.state import TrainingState
from trainer.training.callbacks.write_scalars import WriteScalars
from trainer.training.tracking import Tracker


class Track(WriteScalars):
    """Hands the scalars that TensorBoard gets to every tracker."""

    def __init__(self, state: TrainingState, trackers: Sequence[Tracker]) -> None:
        super().__init__(state)
        self.trackers = trackers

    def write(self, values: dict[str, float]) -> None:
        """One call a tracker."""
        for tracker in self.trackers:
            tracker.scalars(values, self.state.step)
