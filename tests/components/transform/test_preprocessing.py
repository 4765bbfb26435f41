import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.options.pipeline_options import PipelineOptions
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import schema_utils
from tfx_bsl.public import tfxio

import schemas
from components.transform.preprocessing import VOCABULARY, preprocessing_fn
from schemas import tf_example
from schemas.detection_example import DetectionExample
from schemas.label_map import LabelMap

pytestmark = pytest.mark.filterwarnings("ignore")  # TFT's and Beam's own


def annotated(image_id, boxes, names):
    flags = np.zeros(len(boxes), bool)
    return DetectionExample(
        image_id=image_id,
        filename=f"{image_id}.jpg",
        source_path=f"JPEGImages/{image_id}.jpg",
        encoded_image=b"",
        image_format="jpeg",
        width=100,
        height=50,
        sha256="0",
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        class_names=names,
        difficult=np.arange(len(boxes)) == 1,
        truncated=flags,
        occluded=flags,
        poses=("",) * len(boxes),
    )


@pytest.fixture(scope="module")
def schema():
    path = f"{schemas.__path__[0]}/detection.pbtxt"
    with open(path) as source:
        return text_format.Parse(source.read(), schema_pb2.Schema())


@pytest.fixture(scope="module")
def transformed(tmp_path_factory, schema):
    folder = str(tmp_path_factory.mktemp("transform"))
    examples = [
        annotated("a", [[0, 0, 10, 10], [5, 5, 100, 50]], ("dog", "cat")),
        annotated("none", [], ()),
        annotated("b", [[50, 25, 100, 50]], ("dog",)),
    ]
    label_map = LabelMap(("cat", "dog"))
    path = f"{folder}/annotations.gz"
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        for example in examples:
            writer.write(
                tf_example.encode_example(example, label_map, with_image=False)
            )
    options = PipelineOptions(["--runner=FnApiRunner"])
    with (
        beam.Pipeline(options=options) as pipeline,
        tft_beam.Context(temp_dir=f"{folder}/temp"),
    ):
        source = tfxio.TFExampleRecord(path, schema=schema)
        data = (pipeline | source.BeamSource(), source.TensorAdapterConfig())
        transform_fn = data | tft_beam.AnalyzeDataset(preprocessing_fn)
        _ = transform_fn | tft_beam.WriteTransformFn(f"{folder}/graph")
    graph = tft.TFTransformOutput(f"{folder}/graph")
    layer = graph.transform_features_layer()
    spec = schema_utils.schema_as_feature_spec(schema).feature_spec
    records = tf.data.TFRecordDataset(path, "GZIP").batch(3)
    (batch,) = records.map(lambda batch: layer(tf.io.parse_example(batch, spec)))
    return graph, batch


def test_the_vocabulary_counts_objects_most_frequent_class_first(transformed):
    graph, _ = transformed

    assert graph.vocabulary_by_name(VOCABULARY) == [b"2 dog", b"1 cat"]


def test_class_ids_are_the_label_maps_not_the_vocabularys(transformed):
    _, batch = transformed

    assert batch["gt_classes"].to_list() == [[1, 0], [], [1]]


def test_boxes_are_relative_to_the_image(transformed):
    _, batch = transformed

    # 100 x 50 px: x / 100, y / 50.
    np.testing.assert_allclose(
        batch["gt_boxes"].values.numpy(),
        [[0, 0, 0.1, 0.2], [0.05, 0.1, 1, 1], [0.5, 0.5, 1, 1]],
        atol=1e-6,
    )
    assert batch["gt_boxes"].row_lengths().numpy().tolist() == [2, 0, 1]


def test_difficult_travels_with_its_object(transformed):
    _, batch = transformed

    assert batch["gt_difficult"].to_list() == [[0, 1], [], [0]]
