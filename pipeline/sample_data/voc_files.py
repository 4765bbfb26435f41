"""The files of a VOC set: JPEG, annotation XML, image set lists."""

import io
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from pipeline.sample_data.scene import Scene, SceneObject
from pipeline.sample_data.shapes import Pixels

_OBJECT = """\
\t<object>
\t\t<name>{name}</name>
\t\t<pose>Unspecified</pose>
\t\t<truncated>{truncated:d}</truncated>
\t\t<occluded>{occluded:d}</occluded>
\t\t<bndbox>
\t\t\t<xmin>{xmin}</xmin>
\t\t\t<ymin>{ymin}</ymin>
\t\t\t<xmax>{xmax}</xmax>
\t\t\t<ymax>{ymax}</ymax>
\t\t</bndbox>
\t\t<difficult>{difficult:d}</difficult>
\t</object>
"""

_ANNOTATION = """\
<annotation>
\t<folder>sample</folder>
\t<filename>{image_id}.jpg</filename>
\t<source>
\t\t<database>voc-pipeline sample-data</database>
\t</source>
\t<size>
\t\t<width>{width}</width>
\t\t<height>{height}</height>
\t\t<depth>{depth}</depth>
\t</size>
\t<segmented>0</segmented>
{objects}</annotation>
"""


def jpeg_bytes(pixels: Pixels, *, grayscale: bool = False) -> bytes:
    """Encodes pixels [H, W, 3] with everything that changes the bytes pinned."""
    image = Image.fromarray(np.ascontiguousarray(pixels), "RGB")
    buffer = io.BytesIO()
    options = {"quality": 90, "subsampling": "4:2:0", "optimize": False}
    (image.convert("L") if grayscale else image).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def annotation_xml(image_id: str, scene: Scene, *, grayscale: bool = False) -> str:
    """Writes a scene's truth as VOC does: 1-based, inclusive pixel coordinates."""
    height, width = scene.owner.shape
    return _ANNOTATION.format(
        image_id=image_id,
        width=width,
        height=height,
        depth=1 if grayscale else 3,
        objects="".join(map(_object_xml, scene.objects)),
    )


def _object_xml(item: SceneObject) -> str:
    xmin, ymin, xmax, ymax = item.box
    # Half-open and 0-based to inclusive and 1-based: only the minima move.
    return _OBJECT.format(
        name=item.name,
        truncated=item.truncated,
        occluded=item.occluded,
        difficult=item.difficult,
        xmin=xmin + 1,
        ymin=ymin + 1,
        xmax=xmax,
        ymax=ymax,
    )


def image_set(image_ids: Sequence[str]) -> str:
    """Writes `ImageSets/Main/train.txt` and the like: one id per line."""
    return "".join(f"{image_id}\n" for image_id in image_ids)


def class_image_set(
    image_ids: Sequence[str],
    name: str,
    objects: Mapping[str, Sequence[SceneObject]],
) -> str:
    """Writes `ball_train.txt` and the like: 1 there, 0 difficult ones only, -1 not."""
    lines = []
    for image_id in image_ids:
        flags = [item.difficult for item in objects[image_id] if item.name == name]
        presence = -1 if not flags else 0 if all(flags) else 1
        lines.append(f"{image_id} {presence:2d}\n")
    return "".join(lines)
