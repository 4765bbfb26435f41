"""One annotated image in memory."""

import dataclasses

import numpy as np
import numpy.typing as npt

from schemas import boxes as box_format

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]


def _no_boxes() -> box_format.Boxes:
    return np.zeros((0, 4), np.float32)


def _no_flags() -> BoolArray:
    return np.zeros(0, np.bool_)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class DetectionExample:
    """An encoded image with its G objects and the P parts inside them.

    boxes [G, 4] and part_boxes [P, 4] are xyxy pixels of the stored image (EXIF
    orientation not applied). `part_object_index` [P] says which object a part belongs
    to. `brightness` and `contrast` are mean and standard deviation of luma in 0..1.
    `mended` is a record of `mended_labels`, "" where no label was mended.
    """

    image_id: str
    filename: str
    source_path: str
    encoded_image: bytes
    image_format: str  # "jpeg" or "png": what the bytes are, whatever the name says
    width: int
    height: int
    sha256: str  # hex digest of encoded_image
    boxes: box_format.Boxes = dataclasses.field(default_factory=_no_boxes)
    class_names: tuple[str, ...] = ()
    difficult: BoolArray = dataclasses.field(default_factory=_no_flags)
    truncated: BoolArray = dataclasses.field(default_factory=_no_flags)
    occluded: BoolArray = dataclasses.field(default_factory=_no_flags)
    poses: tuple[str, ...] = ()
    part_boxes: box_format.Boxes = dataclasses.field(default_factory=_no_boxes)
    part_names: tuple[str, ...] = ()
    part_object_index: IntArray = dataclasses.field(
        default_factory=lambda: np.zeros(0, np.int64)
    )
    brightness: float = 0.0
    contrast: float = 0.0
    mended: str = ""

    def __post_init__(self) -> None:
        if self.image_format not in {"jpeg", "png"}:
            raise ValueError(f"image_format is jpeg or png, got {self.image_format!r}")
        objects = len(self.boxes)
        for field in ("class_names", "difficult", "truncated", "occluded", "poses"):
            found = len(getattr(self, field))
            if found != objects:
                raise ValueError(f"{field} has {found} entries for {objects} boxes")
        parts = len(self.part_boxes)
        for field in ("part_names", "part_object_index"):
            found = len(getattr(self, field))
            if found != parts:
                raise ValueError(f"{field} has {found} entries for {parts} part boxes")
