"""Held-out folds: no image is judged by a model that learned from it."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from pipeline.__main__ import main
from pipeline.evaluation.examples import examples_of
from pipeline.label_prices import folds
from pipeline.presets import smoke
from schemas.config_json import to_json
from schemas.user_error import UserError
from trainer.config import TrainerConfig, UnfreezingConfig

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def voc(tmp_path_factory):
    """Eight pictures with a dog each, and a copy of the first under another name."""
    folder = tmp_path_factory.mktemp("folds") / "voc"
    for name in ("Annotations", "JPEGImages"):
        (folder / name).mkdir(parents=True)
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(8)]
    for number, pixels in enumerate([*pictures, pictures[0]]):
        Image.fromarray(pixels).save(folder / "JPEGImages" / f"p{number}.png")
        (folder / "Annotations" / f"p{number}.xml").write_text(
            f"<annotation><filename>p{number}.png</filename><size><width>64</width>"
            "<height>48</height><depth>3</depth></size><object><name>dog</name><bndbox>"
            "<xmin>9</xmin><ymin>9</ymin><xmax>40</xmax><ymax>40</ymax></bndbox>"
            "</object></annotation>"
        )
    return folder


@pytest.fixture
def version(tmp_path, save_one_box):
    folder = tmp_path / "served" / "7"
    save_one_box(folder)
    recipe = folder / "assets.extra" / "trainer_config.json"
    recipe.write_text(to_json(smoke().trainer))
    return folder


def ids(pattern_folder):
    from components.example_gen.shards.tfrecord import read_records
    from schemas.tf_example import decode_example

    return {
        decode_example(record).image_id
        for path in pattern_folder.iterdir()
        for record in read_records(str(path))
    }


def test_the_recipe_forgets_what_the_model_was_warmed_up_with(version):
    config = smoke().trainer
    warm = dataclasses.replace(config.model, initial_model="runs/other")
    config = dataclasses.replace(config, model=warm, tracking=("mlflow",))
    path = version / "assets.extra" / "trainer_config.json"
    path.write_text(to_json(config))

    recipe = folds.recipe_of(str(version), epochs=3)

    assert recipe.model.initial_model == ""
    assert recipe.tracking == ()
    assert (recipe.num_epochs, recipe.train_steps) == (3, 0)
    assert folds.recipe_of(str(version), epochs=0).train_steps == config.train_steps
    # a second training as MODEL's, but where the length is named: that is all of it
    model = dataclasses.replace(config.model, frozen_stages=5)
    twice = dataclasses.replace(
        config, model=model, unfreezing=UnfreezingConfig(num_epochs=4)
    )
    path.write_text(to_json(twice))
    assert folds.recipe_of(str(version), epochs=0).unfreezing.num_epochs == 4
    assert folds.recipe_of(str(version), epochs=3).total_steps(8) == (
        dataclasses.replace(config, num_epochs=3, train_steps=0).total_steps(8)
    )
    path.unlink()
    with pytest.raises(UserError, match="name a version that a run pushed"):
        folds.recipe_of(str(version), epochs=3)


def test_each_image_is_held_out_once_by_a_model_that_did_not_see_it(
    tmp_path, voc, save_one_box, monkeypatch
):
    """The trainings are stood in for here; the test below has real ones."""
    examples = examples_of(str(voc), "", str(tmp_path / "work"))
    learned = []

    def trained(config: TrainerConfig, place):
        place = tmp_path.__class__(place)
        shards = {p.name: ids(p) for p in (place / "examples").glob("Split-*")}
        assert shards["Split-eval"] <= shards["Split-train"]
        learned.append(shards)
        return save_one_box(place / "model")

    monkeypatch.setattr(folds, "_trained", trained)
    found = folds.measure_in_folds(smoke().trainer, examples, 3, str(tmp_path / "f"))

    assert list((tmp_path / "f").iterdir()) == []  # no copies of the data stay
    everything = {f"p{number}" for number in range(9)}
    held_out = [fold["Split-held_out"] for fold in learned]
    assert sorted(name for fold in held_out for name in fold) == sorted(everything)
    for fold in learned:
        assert fold["Split-train"] == everything - fold["Split-held_out"]
        assert ("p0" in fold["Split-train"]) == ("p8" in fold["Split-train"])  # copies
    assert found.columns.image_ids.tolist() == sorted(everything)
    assert len(found.columns.scores) == 9


def test_too_few_images_are_told(tmp_path, voc):
    examples = examples_of(str(voc), "", str(tmp_path / "work"))
    with pytest.raises(UserError, match="are too few for --folds 1000"):
        folds.measure_in_folds(smoke().trainer, examples, 1000, str(tmp_path / "f"))


@pytest.mark.slow
def test_labels_of_training_images_are_priced_by_new_models(
    tmp_path, voc, version, capfd
):
    command = ["labels", str(version), str(voc), "--output", str(tmp_path / "out")]
    assert main([*command, "--folds", "2", "--json"]) == 0
    said = capfd.readouterr()
    assert "fold 2 of 2" in said.err
    listed = {label["image"] for label in json.loads(said.out)["labels"]}
    assert listed <= {f"p{number}" for number in range(9)}  # four steps teach nothing
    told = (tmp_path / "out" / "labels.html").read_text()
    assert "9 images (all images) by 2 models that did not learn from them" in told


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--folds", "1"], "--folds needs 2 or more"),
        (["--epochs", "3"], "--epochs goes with --folds"),
    ],
)
def test_folds_that_make_no_sense(tmp_path, voc, version, options, said, capfd):
    command = ["labels", str(version), str(voc), "--output", str(tmp_path / "out")]
    assert main([*command, *options]) == 2
    assert said in capfd.readouterr().err


def test_a_temporary_folder_that_reads_like_a_pattern_is_refused_at_once(
    voc, version, tmp_path, monkeypatch, capfd
):
    place = tmp_path / "a[b]"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    arguments = [str(version), str(voc), "--output", str(tmp_path / "out")]
    assert main(["labels", *arguments, "--folds", "2"]) == 2
    said = capfd.readouterr().err
    assert f"the temporary folder {place}" in said
    assert "set TMPDIR to a folder without these" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()
