"""A detector made by hand, and examples to show it."""

import dataclasses
import io
import json

import numpy as np
import pytest


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


class Stages:
    """The stages from the look-up of the baseline to the push, one by one, by hand."""

    def __init__(self, folder, save_one_box, write_examples):
        self.folder = folder
        self.served = folder / "served"
        self._save = save_one_box
        self._write = write_examples
        self._runs = 0

    def write_examples(self, images, class_names=("dog",), split="eval"):
        """One shard of the split, and the label map beside it."""
        (self.folder / "examples" / f"Split-{split}").mkdir(parents=True, exist_ok=True)
        text = "".join(f"{name}\n" for name in class_names)
        (self.folder / "examples" / "label_map.txt").write_text(text)
        self._write(self.folder / "examples" / f"Split-{split}" / "i.gz", images)

    def model(self, name, **detector):
        """The Trainer's artifact, with a detector of one box in it."""
        from tfx.types import standard_artifacts

        artifact = standard_artifacts.Model()
        artifact.uri = str(self.folder / name)
        self._save(self.folder / name / "Format-Serving", **detector)
        return artifact

    def serve(self, version, **detector):
        """Puts a detector where versions are served, as a person would."""
        return self._save(self.served / str(version), **detector)

    def baseline_model(self, edge=None):
        """What the look-up leaves, without the look-up."""
        from tfx.types import standard_artifacts

        from components.baseline.component import IDENTITY_PROPERTY

        artifact = standard_artifacts.Model()
        artifact.uri = str(self.folder / "baseline")
        identity = "" if edge is None else "1:abc"
        artifact.set_string_custom_property(IDENTITY_PROPERTY, identity)
        if edge is not None:
            self._save(self.folder / "baseline" / "Format-Serving", edge=edge)
        return artifact

    def look_up(self):
        """Runs BaselineLookup as a fresh root would."""
        from tfx.types import standard_artifacts

        from components.baseline.component import BaselineLookup
        from components.baseline.served_models import baseline_identity

        artifact = standard_artifacts.Model()
        artifact.uri = str(self.folder / f"looked-up-{self._count()}")
        BaselineLookup.test_call(
            model=artifact,
            push_destination=str(self.served),
            identity=baseline_identity(str(self.served), ""),
            source_digest="",
        )
        return artifact

    def evaluate(self, model, baseline, gate):
        """Runs DetectionEvaluator; gate is a config as a mapping."""
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions
        from tfx.types import artifact_utils, standard_artifacts

        from components.evaluator.component import DetectionEvaluator

        place = self.folder / f"evaluation-{self._count()}"
        result = standard_artifacts.ModelEvaluation()
        blessing = standard_artifacts.ModelBlessing()
        result.uri, blessing.uri = str(place / "result"), str(place / "blessing")
        examples = standard_artifacts.Examples()
        examples.uri = str(self.folder / "examples")
        splits = sorted((self.folder / "examples").glob("Split-*"))
        names = ["train", *(path.name.removeprefix("Split-") for path in splits)]
        examples.split_names = artifact_utils.encode_split_names(names)
        options = PipelineOptions(["--runner=FnApiRunner"])
        DetectionEvaluator.test_call(
            examples=examples,
            model=model,
            baseline=baseline,
            evaluation_result=result,
            blessing=blessing,
            gate_config=json.dumps(gate),
            source_digest="",
            beam_pipeline=beam.Pipeline(options=options),
        )
        return Judged(
            result=result,
            blessing=blessing,
            metrics=json.loads((place / "result" / "metrics.json").read_text()),
            verdict=json.loads((place / "blessing" / "verdict.json").read_text()),
            thresholds=json.loads(
                (place / "result" / "score_thresholds.json").read_text()
            ),
            files={path.name for path in (place / "blessing").iterdir()},
        )

    def push(self, model, baseline, judged):
        """Runs ModelPusher for a servable model; returns its artifact."""
        from tfx.types import standard_artifacts

        from components.pusher.component import ModelPusher

        servable = standard_artifacts.InfraBlessing()
        servable.set_int_custom_property("blessed", 1)
        pushed = standard_artifacts.PushedModel()
        ModelPusher.test_call(
            model=model,
            baseline=baseline,
            evaluation_result=judged.result,
            blessing=judged.blessing,
            serving_blessing=servable,
            pushed_model=pushed,
            push_destination=str(self.served),
            fingerprint="f",
            earlier_push="",
            source_digest="",
        )
        return pushed

    def _count(self):
        self._runs += 1
        return self._runs


@dataclasses.dataclass
class Judged:
    """What DetectionEvaluator left."""

    result: object
    blessing: object
    metrics: dict
    verdict: dict
    thresholds: dict
    files: set


@pytest.fixture
def stages(tmp_path, save_one_box, write_examples):
    return Stages(tmp_path, save_one_box, write_examples)
