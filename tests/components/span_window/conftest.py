import numpy as np
import pytest

from components.example_gen.shards.tfrecord import TFRecordWriter
from components.span_window.merge import SpanExamples
from schemas import tf_example
from schemas.detection_example import DetectionExample
from schemas.label_map import LABEL_MAP_FILENAME, LabelMap


@pytest.fixture
def span_of(tmp_path):
    """Writes what ingest makes of a span: {split: [(name, content, classes)]}."""

    def write(span, splits, classes, suffix=""):
        folders = [tmp_path / f"{kind}-{span}" for kind in ("examples", "annotations")]
        label_map = LabelMap(tuple(classes))
        for folder, with_image in zip(folders, (True, False), strict=True):
            for split, images in splits.items():
                home = folder / f"Split-{split}"
                home.mkdir(parents=True)
                # a shard each, as a large span has several
                for index, image in enumerate(images):
                    path = home / f"images-{index:05d}-of-{len(images):05d}{suffix}"
                    with TFRecordWriter(str(path), compress=bool(suffix)) as sink:
                        sink.write(record(*image, label_map, with_image))
            label_map.to_file(folder / LABEL_MAP_FILENAME)
        return SpanExamples(span, *map(str, folders))

    return write


def record(name, content, classes, label_map, with_image):
    example = DetectionExample(
        image_id=name,
        filename=f"{name}.png",
        source_path=f"JPEGImages/{name}.png",
        encoded_image=content.encode(),
        image_format="png",
        width=20,
        height=10,
        sha256=f"digest of {content}",
        boxes=np.array([[1, 2, 11, 7]] * len(classes), np.float32).reshape(-1, 4),
        class_names=tuple(classes),
        difficult=np.zeros(len(classes), bool),
        truncated=np.zeros(len(classes), bool),
        occluded=np.zeros(len(classes), bool),
        poses=("",) * len(classes),
    )
    return tf_example.encode_example(example, label_map, with_image=with_image)
