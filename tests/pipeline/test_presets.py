import argparse

import pytest

from pipeline import presets
from pipeline.config import PipelineConfig
from schemas.config_json import from_json, to_json
from schemas.user_error import UserError


@pytest.mark.parametrize("name", presets.PRESETS)
def test_every_preset_survives_its_way_through_json_and_says_what_it_is(name):
    config = presets.preset(name)

    assert from_json(PipelineConfig, to_json(config)) == config
    assert presets.describe(name)


def test_an_unknown_preset_is_told_the_known_ones():
    with pytest.raises(UserError, match="no preset 'cpu_smal'; there are: demo, cpu_"):
        presets.preset("cpu_smal")


def test_a_label_map_file_reaches_ingest(tmp_path):
    path = tmp_path / "classes.txt"
    path.write_text("dog\ncat\n")
    parser = argparse.ArgumentParser()
    presets.add_arguments(parser)

    config = presets.config_from(parser.parse_args(["--label-map", str(path)]))

    assert tuple(config.ingest.label_map) == ("dog", "cat")
