import argparse
import dataclasses
import re
from pathlib import Path

import pytest

from pipeline import presets
from pipeline.cli import config_options
from pipeline.config import PipelineConfig
from schemas.config_json import from_json, to_json
from schemas.user_error import UserError
from trainer.model.config import MatcherConfig


@pytest.mark.parametrize("name", presets.PRESETS)
def test_every_preset_survives_its_way_through_json_and_says_what_it_is(name):
    config = presets.preset(name)

    assert from_json(PipelineConfig, to_json(config)) == config
    command = presets.describe(name).splitlines()[2]
    assert command.startswith(("make demo", "voc-pipeline run --data"))


def readme_rows():
    """README's table of presets: name -> its rows, one a data set."""
    text = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    table = text.partition("## Presets")[2].partition("## ")[0]
    rows = {}
    for name, row in re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE):
        rows[name] = f"{rows.get(name, '')} {row}"
    return rows


def test_the_readme_has_a_row_for_each_preset():
    assert list(readme_rows()) == list(presets.PRESETS)


@pytest.mark.parametrize("name", presets.PRESETS)
def test_the_readmes_figures_are_the_presets(name):
    figure = re.compile(r"(?<!\d)\.\d{3}\b|\d+ (?:CPU minutes|min)\b")
    row, text = readme_rows()[name], " ".join(presets.describe(name).split())
    assert sorted(figure.findall(row)) == sorted(figure.findall(text))
    assert ("not run to its end" in row) == ("not run to its end" in text)


def test_the_tutorials_recipe_is_to_the_letter():
    config = presets.voc_retinanet_r50().trainer
    optimizer = config.optimizer
    assert (optimizer.kind, optimizer.momentum) == ("sgd", 0.9)
    assert optimizer.clip_global_norm == 10.0
    assert optimizer.schedule.rates == (
        2.5e-06,
        0.000625,
        0.00125,
        0.0025,
        0.00025,
        2.5e-05,
    )
    assert optimizer.schedule.boundaries == (125, 250, 500, 240000, 360000)
    assert config.model.backbone == "resnet50"
    assert config.model.frozen_stages == 5
    names = [type(each).__name__ for each in config.input.augmentations]
    assert "Shear" in names
    assert config.model.matcher == MatcherConfig(
        kind="max_iou", positive_from=0.5, negative_below=0.4
    )


def test_the_light_presets_differ_in_what_they_start_from_alone():
    small, scratch = presets.cpu_small(), presets.cpu_scratch()
    model = small.trainer.model
    start = (model.backbone, model.backbone_weights, model.frozen_stages)
    assert start == ("efficientnet_lite0", "preset", 5)
    from_images = dataclasses.replace(
        model, backbone="light", backbone_weights="", frozen_stages=0
    )
    assert scratch.trainer.model == from_images
    # what runs without the network, the package or much time starts from nothing
    for name in ("demo", "smoke"):
        assert presets.preset(name).trainer.model == scratch.trainer.model


def test_an_unknown_preset_is_told_the_known_ones():
    with pytest.raises(UserError, match=r"no preset 'cpu_smal' \(did you mean 'cpu_"):
        presets.preset("cpu_smal")


def test_a_label_map_file_reaches_ingest(tmp_path):
    path = tmp_path / "classes.txt"
    path.write_text("dog\ncat\n")
    parser = argparse.ArgumentParser()
    config_options.add_config_arguments(parser)

    config = config_options.config_from(parser.parse_args(["--label-map", str(path)]))

    assert tuple(config.ingest.label_map) == ("dog", "cat")
