"""A served version, asked about pictures of any size."""

import dataclasses
import os
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from components.baseline.push_record import read_record
from components.baseline.served_detector import (
    class_names,
    require_comparable,
)
from components.baseline.served_models import GRAPH_FILE, ServedModel, serving
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
        self.path = _version_path(place)
        require_comparable(ServedModel(0, self.path, None))
        self.class_names = class_names(self.path)
        record = read_record(self.path)
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
        self._model = tf.saved_model.load(self.path)  # keeps the variables alive
        self._signature: Any = self._model.signatures[_SIGNATURE]

    def detect(self, pixels: npt.NDArray[np.uint8]) -> Found:
        """What it finds in a picture, uint8 [H, W, 3] RGB."""
        outputs = self._signature(images=tf.constant(pixels[None]))
        count = int(outputs["num_detections"][0])
        return Found(
            boxes=outputs["boxes"][0].numpy()[:count],
            scores=outputs["scores"][0].numpy()[:count],
            classes=outputs["classes"][0].numpy()[:count],
        )


def _version_path(place: str) -> str:
    if os.path.isfile(os.path.join(place, GRAPH_FILE)):
        return place
    inside = os.path.join(place, "served")
    newest = serving(inside if os.path.isdir(inside) else place)
    if newest is None:
        raise UserError(
            f"{place} holds no model: name the folder with {GRAPH_FILE}, a push "
            "destination, or a run's --root"
        )
    return newest.path


def _first_number(*values: float | None) -> float:
    return next(value for value in values if value is not None)
