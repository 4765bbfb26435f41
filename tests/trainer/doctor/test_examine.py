import types

import numpy as np
import pytest
import tensorflow as tf

from schemas.user_error import UserError
from trainer.doctor.examine import available_bytes, examine, rates_line, refuse_frames
from trainer.doctor.overfit import ProbeResult
from trainer.doctor.sample import Sample, anchors_line, refuse
from trainer.input.config import InputConfig
from trainer.model.config import MatcherConfig, ModelConfig
from trainer.training.fit import TrainingData

NAMES = ("ant", "bee")
FRAME = InputConfig(image_size=(64, 64))


def sample(boxes, classes):
    return Sample(
        gt_boxes=np.array(boxes, "float32").reshape(1, -1, 4),
        gt_classes=np.array(classes, "int32")[None],
        boxes=np.array(boxes, "float32").reshape(-1, 4),
        classes=np.array(classes, "int32"),
        images=4,
        images_with_box=2,
        images_per_s=10.0,
    )


def test_good_data_is_described_line_by_line(tmp_path):
    batch = {
        "gt_boxes": np.array([[[0, 0, 40, 40], [-1] * 4], [[-1] * 4] * 2], "float32"),
        "gt_classes": np.array([[1, -1], [-1, -1]], "int32"),
    }
    data = TrainingData(
        train=lambda step: tf.data.Dataset.from_tensors(batch).repeat(),
        evaluation=lambda: None,
        num_train_examples=2,
        class_names=NAMES,
    )
    config = InputConfig(image_size=(64, 64), global_batch_size=32)
    model = types.SimpleNamespace(
        anchors=lambda height, width: [np.array([[0, 0, 40, 30]], "float32")],
        count_params=lambda: 1234,
        config=ModelConfig(),
    )
    lines = examine(model, data, config, str(tmp_path), probe_seconds=0)
    # two batches of 32 are asked for; these have two images each, the same two
    assert lines[0] == (
        "4 frames of the 2 training images looked at, 2 with objects, 2 boxes"
    )
    assert lines[1] == "classes: ant 0, bee 2"
    assert "40 px (median)" in lines[2]
    assert lines[3].startswith("0% of the boxes have no anchor")
    assert lines[4] == "no stored examples to compare boxes with"
    assert lines[5].startswith("1,234 parameters")
    assert len(lines) <= 10


def test_data_without_any_box_is_refused():
    with pytest.raises(UserError, match="none of the first 4 training images"):
        refuse(sample([], []), FRAME, NAMES)


def test_class_ids_beyond_the_label_map_are_refused():
    with pytest.raises(UserError, match=r"class id 2.*only 2 classes: ant, bee"):
        refuse(sample([[0, 0, 9, 9]], [2]), FRAME, NAMES)


@pytest.mark.parametrize("box", [[0, 0, 70, 9], [5, 5, 5, 9], [-3, 0, 9, 9]])
def test_boxes_out_of_the_frame_or_without_area_are_refused(box):
    with pytest.raises(UserError, match="1 of 2 boxes are inverted or lie outside"):
        refuse(sample([[0, 0, 64, 64], box], [0, 1]), FRAME, NAMES)


def test_anchors_that_fit_few_boxes_come_with_advice():
    # 20 by 10 in 40 by 30: IoU 1/6; the second is met exactly
    anchors = [np.array([[0, 0, 40, 30]], "float32")]
    few = anchors_line(sample([[0, 0, 20, 10]], [0]), anchors, MatcherConfig())
    assert "100%" in few
    assert "; all own one" in few
    assert "model.anchors.scale" in few
    both = sample([[0, 0, 20, 10], [0, 0, 40, 30]], [0, 0])
    half = anchors_line(both, anchors, MatcherConfig())
    assert "50%" in half
    assert "consider" not in half


def test_boxes_without_an_anchor_are_counted_by_size():
    # one anchor for three boxes; it goes to the one that it meets exactly, the others
    # have sides of 14.1 and 4 px
    anchors = [np.array([[0, 0, 40, 30]], "float32")]
    crowded = sample([[0, 0, 20, 10], [0, 0, 40, 30], [5, 5, 9, 9]], [0, 0, 0])
    line = anchors_line(crowded, anchors, MatcherConfig())
    assert (
        "2 of 3 own none and teach nothing: 1 of 1 from 0 px, 1 of 1 from 8 px" in line
    )


def test_frames_that_do_not_fit_in_memory_are_refused_before_they_are_decoded():
    # 1000 frames of 100 x 100 x 3 bytes are 28 MiB
    config = InputConfig(image_size=(100, 100))
    with pytest.raises(UserError, match=r"1000 decoded frames of 28 MiB.*10 MiB of"):
        refuse_frames(config, 1000, 10 << 20)
    refuse_frames(config, 1000, 30 << 20)
    # more than cache_bytes: they are streamed
    refuse_frames(config, 1_000_000, 10 << 20)
    assert available_bytes() is None or available_bytes() > 0


def test_the_slower_of_input_and_step_is_named():
    # the sample came at 10 images per second
    fast, slow = (
        ProbeResult(losses=(1.0,), images=8, images_per_s=rate) for rate in (20.0, 5.0)
    )
    assert rates_line(sample([], []), fast).endswith("20.0: the input bounds")
    assert rates_line(sample([], []), slow).endswith("5.0: the step bounds")
