"""A class is carried over by its name, wherever it stands in either list."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from schemas.label_map import LabelMap
from schemas.user_error import UnavailableError, UserError
from trainer.model.build import build_retinanet
from trainer.model.config import MatcherConfig
from trainer.serving.warm_start import require_model, warm_start

NAMES = ("ant", "bee", "cow")
PRIOR = 0.3


@pytest.fixture(scope="module")
def config(tiny_config):
    """Four anchors per cell: the predictions of a class lie apart."""
    return dataclasses.replace(
        tiny_config,
        head=dataclasses.replace(tiny_config.head, prior=PRIOR),
        anchors=dataclasses.replace(
            tiny_config.anchors, octaves=2, aspect_ratios=(0.5, 2.0)
        ),
        matcher=MatcherConfig(),
    )


@pytest.fixture(scope="module")
def served(config):
    """A model with other numbers in every prediction."""
    model = build_retinanet(config, len(NAMES))
    random = np.random.default_rng(1)
    for variable in model.class_head.prediction.variables:
        variable.assign(random.normal(size=variable.shape))
    return model


@pytest.fixture(scope="module")
def folder(served, tmp_path_factory):
    """What an export of an earlier version holds that a warm start reads."""
    folder = tmp_path_factory.mktemp("served")
    extra = folder / "assets.extra"
    extra.mkdir()
    values = [tf.Variable(np.asarray(variable)) for variable in served.variables]
    tf.train.Checkpoint(model_variables=values).write(f"{folder}/variables/variables")
    (folder / "saved_model.pb").touch()  # its graph had no weights
    paths = [variable.path for variable in served.variables]
    (extra / "variables.json").write_text(json.dumps(paths))
    LabelMap(NAMES).to_file(extra / "label_map.txt")
    return folder


def predictions_of(path):
    return path.split("/", 1)[1]


@pytest.mark.parametrize(
    ("names", "known", "new"),
    [
        ("ant bee cow", "ant bee cow", ""),
        ("ant bee cow dog", "ant bee cow", "dog"),
        ("aardvark ant bee cow", "ant bee cow", "aardvark"),
        ("ant cow", "ant cow", ""),
        ("cow dog ant", "ant cow", "dog"),  # as many as before
        ("dog elk", "", "dog elk"),
    ],
)
def test_a_class_that_both_know_is_predicted_as_before(
    served, folder, config, names, known, new
):
    names = names.split()
    model = build_retinanet(config, len(names))
    left = warm_start(model, str(folder), names)

    random = np.random.default_rng(0)
    images = random.integers(0, 256, (1, 64, 96, 3)).astype("float32")
    before = np.asarray(served(images)["class_logits"])
    now = np.asarray(model(images)["class_logits"])
    for name in known.split():
        np.testing.assert_allclose(
            now[..., names.index(name)],
            before[..., NAMES.index(name)],
            rtol=1e-5,
            atol=1e-5,
        )
    # a new class begins at the prior, as in a new model: logit(.3)
    bias = np.asarray(model.class_head.prediction.bias).reshape(4, len(names))
    for name in new.split():
        np.testing.assert_allclose(bias[:, names.index(name)], np.log(0.3 / 0.7))
    kernel_and_bias = ["class_head/prediction/kernel", "class_head/prediction/bias"]
    assert [*map(predictions_of, left)] == (kernel_and_bias if new else [])


def test_predictions_of_another_number_of_anchors_stay_new(folder, config):
    anchors = dataclasses.replace(config.anchors, octaves=1)
    model = build_retinanet(dataclasses.replace(config, anchors=anchors), 3)
    left = warm_start(model, str(folder), NAMES)

    assert [*map(predictions_of, left)] == [
        f"{head}/prediction/{kind}"
        for head in ("class_head", "box_head")
        for kind in ("kernel", "bias")
    ]


@pytest.mark.parametrize("named", ["run", "run/served"])
def test_the_newest_version_is_named_where_a_folder_above_it_was_given(tmp_path, named):
    for version in ("9", "10", "left.over"):
        (tmp_path / "run" / "served" / version).mkdir(parents=True)
        (tmp_path / "run" / "served" / version / "saved_model.pb").touch()
    with pytest.raises(UserError, match=r", such as .*/run/served/10$"):
        require_model(str(tmp_path / named))


def test_a_store_that_tensorflow_does_not_know_is_one_line():
    with pytest.raises(UserError, match=r"s3://b/m cannot be read: .*'s3' not impl"):
        require_model("s3://b/m")


def test_a_store_that_does_not_answer_is_not_there(monkeypatch):
    def lost(path):
        raise tf.errors.FailedPreconditionError(None, None, "no host\nwhen reading")

    monkeypatch.setattr(tf.io.gfile, "stat", lost)
    with pytest.raises(UnavailableError, match=r"gs://b/m cannot be read: no host$"):
        require_model("gs://b/m")


def test_of_many_new_variables_some_are_named(folder, config, caplog):
    names = [f"class {number}" for number in range(40)]
    model = build_retinanet(dataclasses.replace(config, pyramid_filters=16), 40)
    with caplog.at_level("INFO"):
        left = warm_start(model, str(folder), names)
    counts, classes = caplog.messages
    assert len(left) > 20
    assert f"{len(model.variables) - len(left)} of {len(model.variables)}" in counts
    assert counts.endswith(f" and {len(left) - 6} more")
    assert classes.endswith("class 4, class 5 and 34 more")


def test_a_store_without_a_bucket_is_a_mistake_and_not_lost():
    with pytest.raises(UserError, match=r"gs:// cannot be read: .*bucket") as refused:
        require_model("gs://")
    assert not isinstance(refused.value, UnavailableError)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("label_map.txt", None),
        ("variables.json", None),
        ("variables.json", "7"),
        ("variables.json", "null"),
        ("variables.json", "[1]"),
    ],
)
def test_a_folder_that_lacks_a_file_or_holds_another_is_no_model(
    folder, tmp_path, name, text
):
    copied = tmp_path / "model"
    shutil.copytree(folder, copied)
    (copied / "assets.extra" / name).unlink()
    if text is not None:
        (copied / "assets.extra" / name).write_text(text)
    with pytest.raises(UserError, match="is no model exported by this program"):
        require_model(str(copied))
