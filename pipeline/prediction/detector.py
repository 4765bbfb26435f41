"""A served version, asked about pictures of any size."""

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from components.baseline import folders
from components.baseline.push_record import read_record
from components.baseline.served_detector import (
    class_names,
    require_comparable,
)
from components.baseline.served_models import ServedModel
from pipeline.prediction.version_path import version_path
from schemas.plain_path import plain_path
from schemas.user_error import UserError

_SIGNATURE = "serving_images"
_WITHOUT_THRESHOLDS = 0.5


@dataclasses.dataclass(frozen=True, eq=False)
class Found:
    """Detections in one picture, best first.

    boxes [D, 4] xyxy px of the picture; scores [D]; classes [D] 0..K-1.
    """

    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int32]

    def from_scores(self, thresholds: npt.NDArray[np.float32]) -> "Found":
        """Those from their class's threshold [K] on."""
        kept = self.scores >= thresholds[self.classes]
        return Found(self.boxes[kept], self.scores[kept], self.classes[kept])


class Detector:
    """A SavedModel of this program and the thresholds found for it.

    Attributes:
      path: of the version.
      class_names: in the order of the class ids.
      thresholds: [K] the least score of each class with the best F1.
      has_thresholds: whether the Evaluator found them; else all are .5.
    """

    def __init__(self, place: str) -> None:
        """Loads a version; of a push destination or a run's root, the newest.

        Raises UserError where there is none, or where it is no detector.
        """
        self.path = version_path(place)
        with on_this_machine(self.path) as path:
            require_comparable(ServedModel(0, path, None))
            self.class_names = class_names(path)
            record = read_record(path)
            with plain_path(path) as plain:
                self._model = tf.saved_model.load(plain)  # keeps the variables alive
        found = record.score_thresholds if record else {}
        overall = found.get("overall")
        self.has_thresholds = overall is not None
        by_class = found.get("by_class", {})
        # A class that eval showed no hit of takes the threshold of all together.
        self.thresholds = np.array(
            [
                _first_number(by_class.get(name), overall, _WITHOUT_THRESHOLDS)
                for name in self.class_names
            ],
            np.float32,
        )
        self._signature: Any = self._model.signatures[_SIGNATURE]

    def detect(self, pixels: npt.NDArray[np.uint8]) -> Found:
        """What it finds in a picture, uint8 [H, W, 3] RGB."""
        return self.detect_all(pixels[None])[0]

    def detect_all(self, pixels: npt.NDArray[np.uint8]) -> list[Found]:
        """What it finds in each picture of one size, uint8 [B, H, W, 3], at once.

        Last digits may depend on B: kernels add in another order.
        """
        outputs = self._signature(images=tf.constant(pixels))
        boxes, scores, classes, counts = (
            outputs[name].numpy()
            for name in ("boxes", "scores", "classes", "num_detections")
        )
        return [
            Found(boxes[row, :count], scores[row, :count], classes[row, :count])
            for row, count in enumerate(counts.tolist())
        ]


@contextlib.contextmanager
def on_this_machine(path: str) -> Iterator[str]:
    """The version itself, or a copy: TensorFlow reads fewer file systems than Beam."""
    if folders.is_local(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as copy:
        for name in folders.files_below(path):
            folders.copy_file(folders.inside(path, name), folders.inside(copy, name))
        try:
            yield copy
        except UserError as error:
            error.args = (str(error).replace(copy, path),)
            raise


def _first_number(*values: float | None) -> float:
    return next(value for value in values if value is not None)
