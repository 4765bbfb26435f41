"""DetectionExample <-> serialized tf.train.Example; feature keys are named only here.

Names are the TensorFlow Object Detection API's, with what that API drops added. Boxes
are relative (0..1) on disk; `image/object/class/label` is class id + 1, as there.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from schemas import boxes as box_format
from schemas import example_wire
from schemas.detection_example import DetectionExample
from schemas.label_map import LabelMap

IMAGE_ID = "image/source_id"
FILENAME = "image/filename"
SOURCE_PATH = "image/source_path"
HEIGHT = "image/height"
WIDTH = "image/width"
ENCODED = "image/encoded"
FORMAT = "image/format"
SHA256 = "image/key/sha256"
BRIGHTNESS = "image/brightness"
CONTRAST = "image/contrast"
MENDED = "image/mended"  # only where a label was
OBJECT_COUNT = "image/object/count"
BOX_SIDES = ("xmin", "ymin", "xmax", "ymax")
OBJECT_BOX = tuple(f"image/object/bbox/{side}" for side in BOX_SIDES)
CLASS_NAME = "image/object/class/text"
CLASS_LABEL = "image/object/class/label"  # class id + 1
DIFFICULT = "image/object/difficult"
TRUNCATED = "image/object/truncated"
OCCLUDED = "image/object/occluded"
POSE = "image/object/view"
AREA_REL = "image/object/area_rel"  # box area / image area
ASPECT_RATIO = "image/object/aspect_ratio"  # box height / box width
PART_BOX = tuple(f"image/part/bbox/{side}" for side in BOX_SIDES)
PART_NAME = "image/part/class/text"
PART_OBJECT_INDEX = "image/part/object_index"


def _texts(values: Sequence[str]) -> list[bytes]:
    return [value.encode("utf-8", "surrogateescape") for value in values]


def _ints(values: npt.ArrayLike) -> npt.NDArray[np.int64]:
    return np.asarray(values, np.int64).reshape(-1)


def _floats(values: npt.ArrayLike) -> npt.NDArray[np.float32]:
    return np.asarray(values, np.float32).reshape(-1)


def _geometry(example: DetectionExample) -> dict[str, example_wire.Feature]:
    rel = box_format.xyxy_to_rel_xyxy(example.boxes, example.height, example.width)
    parts = box_format.xyxy_to_rel_xyxy(
        example.part_boxes, example.height, example.width
    )
    sides = np.maximum(example.boxes[:, 2:] - example.boxes[:, :2], 1e-6)
    features: dict[str, example_wire.Feature] = {
        AREA_REL: (rel[:, 2] - rel[:, 0]) * (rel[:, 3] - rel[:, 1]),
        ASPECT_RATIO: _floats(sides[:, 1] / sides[:, 0]),
    }
    for index in range(4):
        features[OBJECT_BOX[index]] = rel[:, index]
        features[PART_BOX[index]] = parts[:, index]
    return features


def to_features(
    example: DetectionExample, label_map: LabelMap
) -> dict[str, example_wire.Feature]:
    """All features but the encoded image; a class the label map lacks raises."""
    return {
        IMAGE_ID: _texts([example.image_id]),
        FILENAME: _texts([example.filename]),
        SOURCE_PATH: _texts([example.source_path]),
        HEIGHT: _ints([example.height]),
        WIDTH: _ints([example.width]),
        FORMAT: _texts([example.image_format]),
        SHA256: _texts([example.sha256]),
        BRIGHTNESS: _floats([example.brightness]),
        CONTRAST: _floats([example.contrast]),
        OBJECT_COUNT: _ints([len(example.boxes)]),
        CLASS_NAME: _texts(example.class_names),
        CLASS_LABEL: _ints([label_map.id_of(name) + 1 for name in example.class_names]),
        DIFFICULT: _ints(example.difficult),
        TRUNCATED: _ints(example.truncated),
        OCCLUDED: _ints(example.occluded),
        POSE: _texts(example.poses),
        PART_NAME: _texts(example.part_names),
        PART_OBJECT_INDEX: _ints(example.part_object_index),
        **_geometry(example),
        **({MENDED: _texts([example.mended])} if example.mended else {}),
    }


def encode_example(
    example: DetectionExample, label_map: LabelMap, *, with_image: bool = True
) -> bytes:
    """DetectionExample -> serialized tf.train.Example; the same bytes every time."""
    with_bytes, without_bytes = encode_both(example, label_map)
    return with_bytes if with_image else without_bytes


def encode_both(example: DetectionExample, label_map: LabelMap) -> tuple[bytes, bytes]:
    """The example with its image bytes and without, for the price of one."""
    message = example_wire.ExampleMessage(to_features(example, label_map))
    without_image = message.serialized()
    message.add(ENCODED, [example.encoded_image])
    return message.serialized(), without_image


def _text(features: dict[str, example_wire.Feature], key: str) -> str:
    return str(bytes(features[key][0]).decode("utf-8", "surrogateescape"))


def _strings(features: dict[str, example_wire.Feature], key: str) -> tuple[str, ...]:
    return tuple(
        bytes(value).decode("utf-8", "surrogateescape") for value in features[key]
    )


def _flags(
    features: dict[str, example_wire.Feature], key: str
) -> npt.NDArray[np.bool_]:
    return np.asarray(features[key], np.int64).astype(np.bool_)


def _boxes(
    features: dict[str, example_wire.Feature],
    keys: tuple[str, ...],
    height: int,
    width: int,
) -> box_format.Boxes:
    rel = np.stack([np.asarray(features[key], np.float32) for key in keys], axis=1)
    return box_format.rel_xyxy_to_xyxy(rel, height, width)


def decode_example(serialized: bytes) -> DetectionExample:
    """Serialized tf.train.Example -> DetectionExample; image bytes b"" if left out."""
    features = example_wire.decode(serialized)
    height, width = int(features[HEIGHT][0]), int(features[WIDTH][0])
    return DetectionExample(
        image_id=_text(features, IMAGE_ID),
        filename=_text(features, FILENAME),
        source_path=_text(features, SOURCE_PATH),
        encoded_image=bytes(features[ENCODED][0]) if ENCODED in features else b"",
        image_format=_text(features, FORMAT),
        width=width,
        height=height,
        sha256=_text(features, SHA256),
        boxes=_boxes(features, OBJECT_BOX, height, width),
        class_names=_strings(features, CLASS_NAME),
        difficult=_flags(features, DIFFICULT),
        truncated=_flags(features, TRUNCATED),
        occluded=_flags(features, OCCLUDED),
        poses=_strings(features, POSE),
        part_boxes=_boxes(features, PART_BOX, height, width),
        part_names=_strings(features, PART_NAME),
        part_object_index=np.asarray(features[PART_OBJECT_INDEX], np.int64),
        brightness=float(features[BRIGHTNESS][0]),
        contrast=float(features[CONTRAST][0]),
        mended=_text(features, MENDED) if MENDED in features else "",
    )


def image_digest(serialized: bytes) -> str:
    """The digest of a record's image file, with or without the image in the record."""
    return _text(example_wire.decode(serialized), SHA256)


def moved(serialized: bytes, prefix: str, label_map: LabelMap) -> bytes:
    """The record with `prefix` before its image_id and the ids of another label map."""
    features = example_wire.decode(serialized)
    names = _strings(features, CLASS_NAME)
    features[IMAGE_ID] = _texts([prefix + _text(features, IMAGE_ID)])
    features[CLASS_LABEL] = _ints([label_map.id_of(name) + 1 for name in names])
    return example_wire.encode(features)
