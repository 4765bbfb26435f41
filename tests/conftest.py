"""A detector made by hand, and examples to show it."""

import io
import pathlib
import sys

import numpy as np
import pytest

from pipeline.run.temporary import own_temporary_folder

# Tests are no packages: what several of them import is put on the path.
for _folder in ("stores", "engines"):
    sys.path.insert(0, str(pathlib.Path(__file__).parent / _folder))


def pytest_collection_modifyitems(items):
    """Files with tests that take long go first: two processes then end together."""

    def is_marked(item, mark):
        return item.get_closest_marker(mark) is not None

    marked = {m: {i.path for i in items if is_marked(i, m)} for m in ("e2e", "slow")}
    items.sort(
        key=lambda i: (i.path not in marked["e2e"], i.path not in marked["slow"])
    )


def _one_box_class():
    import tensorflow as tf

    from schemas import tf_example

    class OneBox(tf.Module):
        """Finds one box in every image: all of it, unless `edge` says otherwise.

        An `edge` that is no number makes it find nothing, as a score does in ours.
        """

        def __init__(self, edge=1.0, score=0.5):
            super().__init__()
            self._edge = tf.Variable(edge, dtype=tf.float32)
            self._score = score

        def _found(self, sizes):
            """sizes [B, 2] height, width -> the outputs of a detector."""
            sizes = tf.cast(sizes, tf.float32) * self._edge
            zeros = tf.zeros_like(sizes[:, 0])
            boxes = tf.stack([zeros, zeros, sizes[:, 1], sizes[:, 0]], -1)[:, None]
            count = tf.shape(sizes)[0]
            return {
                "boxes": boxes,
                "scores": tf.fill([count, 1], self._score),
                "classes": tf.zeros([count, 1], tf.int32),
                "class_names": tf.fill([count, 1], "dog"),
                "num_detections": tf.fill(
                    [count], tf.cast(tf.math.is_finite(self._edge), tf.int32)
                ),
            }

        def _sizes(self, encoded):
            return tf.map_fn(
                lambda image: tf.shape(
                    tf.io.decode_image(image, expand_animations=False)
                )[:2],
                encoded,
                fn_output_signature=tf.int32,
            )

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")])
        def by_bytes(self, image_bytes):
            return self._found(self._sizes(image_bytes))

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
        def by_example(self, examples):
            spec = {tf_example.ENCODED: tf.io.FixedLenFeature([], tf.string)}
            parsed = tf.io.parse_example(examples, spec)
            return self._found(self._sizes(parsed[tf_example.ENCODED]))

        @tf.function(
            input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "images")]
        )
        def by_image(self, images):
            shape = tf.shape(images)
            return self._found(tf.repeat(shape[None, 1:3], shape[0], axis=0))

    return OneBox


@pytest.fixture(scope="session")
def save_one_box():
    """Saves a detector of one class, dog, whose one box is the image times `edge`."""

    def save(folder, edge=1.0, score=0.5, signatures=(), class_names=("dog",)):
        import tensorflow as tf

        model = _one_box_class()(edge, score)
        functions = {
            "serving_default": model.by_bytes,
            "serving_tf_example": model.by_example,
            "serving_images": model.by_image,
        }
        kept = {name: functions[name] for name in signatures or functions}
        tf.saved_model.save(model, str(folder), signatures=kept)
        extra = folder / "assets.extra"
        extra.mkdir()
        (extra / "label_map.txt").write_text("".join(f"{n}\n" for n in class_names))
        return str(folder)

    return save


@pytest.fixture(scope="session")
def write_examples():
    """Writes one shard of dogs: image id -> (width, height, boxes in pixels)."""

    def write(path, images):
        import tensorflow as tf
        from PIL import Image

        from schemas import tf_example
        from schemas.detection_example import DetectionExample
        from schemas.label_map import LabelMap

        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            for name, (width, height, boxes) in images.items():
                encoded = io.BytesIO()
                Image.new("RGB", (width, height)).save(encoded, format="PNG")
                count = len(boxes)
                example = DetectionExample(
                    image_id=name,
                    filename=f"{name}.png",
                    source_path=f"{name}.png",
                    encoded_image=encoded.getvalue(),
                    image_format="png",
                    width=width,
                    height=height,
                    sha256="0",
                    boxes=np.array(boxes, np.float32).reshape(-1, 4),
                    class_names=("dog",) * count,
                    difficult=np.zeros(count, bool),
                    truncated=np.zeros(count, bool),
                    occluded=np.zeros(count, bool),
                    poses=("",) * count,
                )
                writer.write(tf_example.encode_example(example, LabelMap(("dog",))))
        return str(path)

    return write


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left_in_the_temporary_folder(tmp_path_factory):
    """What libraries leave there goes with the tests, as it goes with a command.

    Beam leaves an empty folder for each pipeline that is made and not run.
    """
    tmp_path_factory.getbasetemp()  # stays where pytest keeps it
    with own_temporary_folder():
        yield


@pytest.fixture
def other_store(monkeypatch, tmp_path):
    """Gives the URL of a local path in a store that is not the local file system."""
    monkeypatch.chdir(tmp_path)
    from other_store import SCHEME, OtherStore

    from components.example_gen.source import storage

    name = OtherStore.scheme()
    monkeypatch.setattr(storage, "SCHEMES", (*storage.SCHEMES, name))
    yield lambda path: f"{SCHEME}{path}"
    assert not list(tmp_path.glob("*:")), "a store's path was taken as a local one"
