import numpy as np
import pytest

from schemas import example_wire, tf_example
from schemas.detection_example import DetectionExample
from schemas.label_map import LabelMap
from schemas.user_error import UserError

LABELS = LabelMap(("cat", "dog"))


@pytest.fixture
def example():
    return DetectionExample(
        image_id="d\u00e4y 1/0001",
        filename="0001.jpg",
        source_path="day 1/0001.jpg",
        encoded_image=b"\xff\xd8" + bytes(300),
        image_format="jpeg",
        width=200,
        height=100,
        sha256="ab" * 32,
        boxes=np.array([[20, 10, 60, 90], [0, 0, 200, 100]], np.float32),
        class_names=("dog", "cat"),
        difficult=np.array([False, True]),
        truncated=np.array([True, False]),
        occluded=np.array([False, False]),
        poses=("Left", "Unspecified"),
        part_boxes=np.array([[20, 10, 30, 20]], np.float32),
        part_names=("head",),
        part_object_index=np.array([0], np.int64),
        brightness=0.25,
        contrast=0.125,
    )


def test_features_by_hand(example):
    features = tf_example.to_features(example, LABELS)
    assert features["image/source_id"] == ["d\u00e4y 1/0001".encode()]
    assert features["image/object/class/text"] == [b"dog", b"cat"]
    # ids 1 and 0, 1-based on disk
    assert features["image/object/class/label"].tolist() == [2, 1]
    np.testing.assert_allclose(features["image/object/bbox/xmin"], [0.1, 0])
    np.testing.assert_allclose(features["image/object/bbox/ymax"], [0.9, 1])
    # 40 x 80 of 200 x 100 pixels; 80 / 40
    np.testing.assert_allclose(features["image/object/area_rel"], [0.16, 1], rtol=1e-6)
    np.testing.assert_allclose(features["image/object/aspect_ratio"], [2, 0.5])
    assert features["image/object/count"].tolist() == [2]


def test_what_is_encoded_is_decoded(example):
    again = tf_example.decode_example(tf_example.encode_example(example, LABELS))
    for name in example.__dataclass_fields__:
        before, after = getattr(example, name), getattr(again, name)
        if isinstance(before, np.ndarray):
            np.testing.assert_allclose(after, before, rtol=1e-6, err_msg=name)
            assert after.dtype == before.dtype
        else:
            assert after == before, name


def test_an_image_without_objects_keeps_every_list_empty(example):
    bare = DetectionExample(
        **{
            name: getattr(example, name)
            for name in ("image_id", "filename", "source_path", "encoded_image")
        },
        image_format="png",
        width=1,
        height=1,
        sha256="",
    )
    again = tf_example.decode_example(tf_example.encode_example(bare, LABELS))
    assert again.boxes.shape == (0, 4)
    assert again.part_boxes.shape == (0, 4)
    assert again.class_names == ()


def test_without_the_image_everything_else_is_the_same(example):
    whole, bare = tf_example.encode_both(example, LABELS)
    features = example_wire.decode(whole)
    assert features.pop("image/encoded") == [example.encoded_image]
    assert example_wire.encode(features) == bare
    assert whole == tf_example.encode_example(example, LABELS)


def test_tensorflow_reads_our_bytes_and_we_read_its(example):
    tf = pytest.importorskip("tensorflow")
    ours = tf_example.encode_example(example, LABELS)
    message = tf.train.Example.FromString(ours)
    theirs = message.features.feature
    assert theirs["image/encoded"].bytes_list.value[0] == example.encoded_image
    assert theirs["image/object/class/label"].int64_list.value[:] == [2, 1]
    again = tf_example.decode_example(message.SerializeToString())
    assert again.class_names == example.class_names
    assert message.SerializeToString(deterministic=True) == ours


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_parsing_spec_gives_the_boxes_and_ids_back(example):
    tf = pytest.importorskip("tensorflow")
    from schemas import parsing

    raw = tf_example.encode_example(example, LABELS)
    parsed = tf.io.parse_single_example(raw, parsing.feature_spec())
    np.testing.assert_allclose(parsing.boxes_px(parsed), example.boxes, rtol=1e-6)
    assert parsing.class_ids(parsed).numpy().tolist() == [1, 0]
    bare = tf_example.encode_example(example, LABELS, with_image=False)
    batch = tf.io.parse_example([bare], parsing.feature_spec(with_image=False))
    assert batch["image/object/difficult"].to_list() == [[0, 1]]


def test_a_class_the_label_map_lacks_raises(example):
    with pytest.raises(UserError, match="'cat' is not in the label map"):
        tf_example.encode_example(example, LabelMap(("dog",)))


def test_names_that_are_no_utf8_survive(example):
    odd = b"caf\xe9".decode("utf-8", "surrogateescape")
    fields = {name: getattr(example, name) for name in example.__dataclass_fields__}
    again = DetectionExample(**{**fields, "image_id": odd})
    raw = tf_example.encode_example(again, LABELS)
    assert tf_example.decode_example(raw).image_id == odd


def test_lists_of_different_lengths_are_refused(example):
    fields = {name: getattr(example, name) for name in example.__dataclass_fields__}
    with pytest.raises(ValueError, match="poses has 1 entries for 2 boxes"):
        DetectionExample(**{**fields, "poses": ("Left",)})


def test_negative_and_large_integers_survive():
    values = np.array([-1, 0, 127, 128, 2**40, -(2**63)], np.int64)
    again = example_wire.decode(example_wire.encode({"x": values}))
    assert again["x"].tolist() == values.tolist()


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_cut_bytes_are_no_example(example, cut):
    with pytest.raises(ValueError, match=r"not a tf\.train\.Example"):
        example_wire.decode(tf_example.encode_example(example, LABELS)[:-cut])
