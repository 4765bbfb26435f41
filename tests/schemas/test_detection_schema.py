"""The curated schema against the keys that ingest writes."""

from pathlib import Path

import numpy as np
import pytest

import schemas
from schemas import tf_example
from schemas.detection_example import DetectionExample
from schemas.label_map import LabelMap

text_format = pytest.importorskip("google.protobuf.text_format")
schema_pb2 = pytest.importorskip("tensorflow_metadata.proto.v0.schema_pb2")


@pytest.fixture(scope="module")
def schema():
    path = Path(schemas.__file__).parent / "detection.pbtxt"
    return text_format.Parse(path.read_text(), schema_pb2.Schema())


@pytest.fixture(scope="module")
def features():
    example = DetectionExample(
        image_id="a",
        filename="a.jpg",
        source_path="a.jpg",
        encoded_image=b"",
        image_format="jpeg",
        width=1,
        height=1,
        sha256="",
        mended="[]",
    )
    return tf_example.to_features(example, LabelMap(("dog",)))


def test_it_names_every_feature_but_the_pixels(schema, features):
    assert {feature.name for feature in schema.feature} == set(features)


def test_types_are_those_that_are_written(schema, features):
    kinds = {np.dtype(np.float32): "FLOAT", np.dtype(np.int64): "INT"}
    for feature in schema.feature:
        written = features[feature.name]
        kind = "BYTES" if isinstance(written, list) else kinds[written.dtype]
        assert schema_pb2.FeatureType.Name(feature.type) == kind, feature.name


def test_scalars_are_required_and_lists_may_be_empty(schema, features):
    for feature in schema.feature:
        if feature.name == tf_example.MENDED:
            assert not feature.presence.min_fraction
        elif len(features[feature.name]) == 1:
            assert feature.presence.min_fraction == 1, feature.name
            assert feature.HasField("shape"), feature.name
        else:
            assert feature.value_count.min == 0, feature.name


def test_every_float_has_a_range_and_refuses_nan(schema):
    for feature in schema.feature:
        if feature.type == schema_pb2.FLOAT:
            assert feature.float_domain.HasField("min"), feature.name
            assert feature.float_domain.disallow_nan, feature.name
