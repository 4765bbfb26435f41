"""`--config FILE`: a part of what `presets NAME` prints, in JSON or YAML."""

import json

import pytest

from pipeline import presets
from pipeline.__main__ import main
from pipeline.overrides import apply_config_file, apply_overrides
from schemas.config_json import to_json
from schemas.user_error import UserError
from trainer.optimizer.config import PiecewiseSchedule

YAML = """
# weekly
trainer:
  num_epochs: 20
  frozen_features: off  # a word, not false
  optimizer: {schedule: {peak: 1e-3}, weight_decay: 0}
  input: {image_size: [256, 0256]}
gate:
  min_map: .4
"""


@pytest.fixture
def changed(tmp_path):
    """cpu_small with a file's fields."""

    def run(text, name="weekly.yaml", preset="cpu_small"):
        path = tmp_path / name
        path.write_text(text)
        return apply_config_file(presets.preset(preset), str(path))

    return run


def test_yaml_changes_what_it_names_and_leaves_the_rest(changed):
    before = presets.cpu_small()
    after = changed(YAML)
    assert after.trainer.num_epochs == 20
    assert after.trainer.frozen_features == "off"
    assert after.trainer.optimizer.schedule.peak == 0.001
    assert after.trainer.optimizer.schedule.warmup_steps == 100  # the preset's
    assert after.trainer.optimizer.weight_decay == 0.0
    assert after.trainer.input.image_size == (256, 256)
    assert after.gate.min_map == 0.4
    assert (after.ingest, after.trainer.model) == (before.ingest, before.trainer.model)


def test_json_and_all_that_presets_prints(changed):
    assert changed('{"trainer": {"seed": 7}}', "a.json").trainer.seed == 7
    whole = to_json(presets.demo())
    assert changed(whole, "a.json") == changed(whole, "a.yml") == presets.demo()
    assert changed("# nothing\n") == presets.cpu_small()


def test_another_class_brings_all_of_its_fields(changed):
    schedule = {"class": "PiecewiseSchedule", "boundaries": [5], "rates": [0.1, 0.01]}
    tree = {"trainer": {"optimizer": {"schedule": schedule}}}
    after = changed(json.dumps(tree))
    assert after.trainer.optimizer.schedule == PiecewiseSchedule(
        boundaries=(5,), rates=(0.1, 0.01)
    )


def test_set_wins_over_the_file(changed):
    after = apply_overrides(changed("trainer: {seed: 7}"), ["trainer.seed=8"])
    assert after.trainer.seed == 8


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "trainer: {sede: 1}",
            "trainer has no field 'sede' (did you mean 'seed'?); its fields: ",
        ),
        ("min_map: 0.4", "the config has no field 'min_map' (did you mean 'gate.min"),
        ("gate: {min_map: 3}", "gate: need 0 <= min_map <= 1, got 3"),
        ("gate: {min_map: high}", "gate.min_map takes a number or null, got 'high'"),
        ("trainer:", "trainer takes fields {...}, got None"),
        ("gate:\n  min_map: 1\n  min_map: 2", "the field 'min_map' stands there twice"),
        ("a: [1", "no YAML: expected ',' or ']', but got '<stream end>' in line 1"),
        ("- 1", "takes fields and their values, got [1]"),
        ("!!python/object:x {}", "no YAML: could not determine a constructor for"),
    ],
)
def test_a_mistake_is_one_line_with_file_and_field(changed, text, said):
    with pytest.raises(UserError) as caught:
        changed(text)
    message = str(caught.value)
    assert "weekly.yaml" in message.partition(said)[0]
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("command", "rest"),
    [
        ("run", ["--root", "r", "--data", "d"]),
        ("retrain", ["--root", "r", "--data", "d"]),
        ("show-data", ["--output", "o.png", "--data", "d"]),
        (
            "compile",
            [
                *("--output", "o.yaml", "--image", "i", "--data", "d"),
                *("--push-destination", "p"),
            ],
        ),
    ],
)
def test_every_command_with_a_preset_takes_it(
    tmp_path, monkeypatch, capsys, command, rest
):
    monkeypatch.chdir(tmp_path)
    assert main([command, *rest, "--config", "none.json"]) == 2
    said = "--config none.json cannot be read: No such file or directory\n"
    assert capsys.readouterr().err.endswith(said)
    assert list(tmp_path.iterdir()) == []
