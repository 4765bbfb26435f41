"""The images that an exported model is asked about, and what it should answer.

They go from process to process in a folder: `asked.npz` holds the images, as
serialized tf.Examples; `own.npz` what the model itself finds in them.
"""

import dataclasses
import io
import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from schemas import example_wire, tf_example
from schemas.detection_example import DetectionExample

_ASKED, _OWN = "asked.npz", "own.npz"
_EXIF_ORIENTATION = 0x0112
# Of so many images of a split, those of different sizes are asked about first.
LOOKED_AT = 200


@dataclasses.dataclass(frozen=True)
class AskedImage:
    """One image.

    Attributes:
      name: how it is called in a finding.
      encoded: its own bytes, JPEG or PNG.
      serialized: a tf.Example that holds it.
    """

    name: str
    encoded: bytes
    serialized: bytes


@dataclasses.dataclass(frozen=True, eq=False)
class Answer:
    """Detections in one image, best first.

    Attributes:
      boxes: [D, 4] xyxy px.
      scores: [D].
      names: [D] of the classes.
      cut_at: the score below which the model gives none.
    """

    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    names: Sequence[str]
    cut_at: float = 0.0


def choose(serialized: Iterable[bytes], count: int) -> list[AskedImage]:
    """Images of as many sizes as there are, then one in gray, then one turned by EXIF.

    serialized: tf.Examples of a split; the first LOOKED_AT are looked at.
    """
    records = list(serialized)
    by_size: dict[tuple[int, int], list[bytes]] = {}
    for record in records:
        example = tf_example.decode_example(record)
        by_size.setdefault((example.width, example.height), []).append(record)
    # One of each size, then a second of each, ...
    queues, chosen = list(by_size.values()), []
    for turn in range(max(map(len, queues), default=0)):
        chosen += [queue[turn] for queue in queues if turn < len(queue)]
    examples = [tf_example.decode_example(record) for record in chosen[:count]]
    asked = [
        AskedImage(f"image {example.image_id}", example.encoded_image, record)
        for example, record in zip(examples, chosen, strict=False)
    ]
    for example in examples[:1]:
        asked.append(_variant("a gray image", example, gray=True))
        asked.append(_variant("an image turned by EXIF", example, gray=False))
    return asked


def _variant(name: str, example: DetectionExample, *, gray: bool) -> AskedImage:
    """The same picture as a gray PNG, or as a JPEG that is to be shown turned."""
    image = Image.open(io.BytesIO(example.encoded_image))
    sink = io.BytesIO()
    if gray:
        image.convert("L").save(sink, format="PNG")
    else:
        exif = Image.Exif()
        exif[_EXIF_ORIENTATION] = 6
        image.convert("RGB").save(sink, format="JPEG", quality=95, exif=exif)
    encoded = sink.getvalue()
    # A server reads the image alone.
    return AskedImage(
        name, encoded, example_wire.encode({tf_example.ENCODED: [encoded]})
    )


def write_asked(folder: str, asked: Sequence[AskedImage]) -> None:
    """Puts the images into the folder."""
    arrays: dict[str, Any] = {}
    for number, image in enumerate(asked):
        arrays[f"encoded_{number}"] = np.frombuffer(image.encoded, np.uint8)
        arrays[f"serialized_{number}"] = np.frombuffer(image.serialized, np.uint8)
    names = np.array([image.name for image in asked], np.str_)
    np.savez(os.path.join(folder, _ASKED), names=names, **arrays)


def read_asked(folder: str) -> list[AskedImage]:
    """The inverse of `write_asked`."""
    with np.load(os.path.join(folder, _ASKED), allow_pickle=False) as arrays:
        return [
            AskedImage(
                str(name),
                arrays[f"encoded_{number}"].tobytes(),
                arrays[f"serialized_{number}"].tobytes(),
            )
            for number, name in enumerate(arrays["names"])
        ]


def write_answers(folder: str, answers: Sequence[Answer]) -> None:
    """Puts the model's own detections into the folder, in the images' order."""
    arrays: dict[str, Any] = {}
    for number, answer in enumerate(answers):
        arrays[f"boxes_{number}"] = answer.boxes
        arrays[f"scores_{number}"] = answer.scores
        arrays[f"names_{number}"] = np.array(list(answer.names), np.str_)
        arrays[f"cut_at_{number}"] = np.array(answer.cut_at)
    np.savez(os.path.join(folder, _OWN), count=len(answers), **arrays)


def read_answers(folder: str) -> list[Answer]:
    """The inverse of `write_answers`."""
    with np.load(os.path.join(folder, _OWN), allow_pickle=False) as arrays:
        return [
            Answer(
                arrays[f"boxes_{number}"],
                arrays[f"scores_{number}"],
                [str(name) for name in arrays[f"names_{number}"]],
                float(arrays[f"cut_at_{number}"]),
            )
            for number in range(int(arrays["count"]))
        ]
