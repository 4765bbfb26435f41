"""What a hint names can be typed: the option on `ingest`, the field in a run."""

import argparse
import re

import pytest

from components.data_gate import gate
from components.example_gen.config import IngestConfig
from components.example_gen.output import ingest_report, object_budget
from components.example_gen.rules import hints, likely_cause
from pipeline import presets
from pipeline.cli import ingest
from pipeline.overrides import apply_overrides
from schemas.config_json import from_mapping, to_mapping

TEXTS = [
    *hints.HINTS.values(),
    *likely_cause.HINTS.values(),
    *ingest_report._HINTS.values(),
    object_budget._UNKNOWN,
]
TYPED = re.compile(r"(--[a-z-]+)(?: (\w+))? \(in a run --set ingest\.(\w+)=(\w+)\)")


@pytest.mark.parametrize(
    ("option", "value", "field", "set_to"),
    [found for text in TEXTS for found in TYPED.findall(text)],
)
def test_the_option_and_the_field_exist(option, value, field, set_to):
    parser = argparse.ArgumentParser()
    ingest.add_arguments(parser)
    words = ["--data", "d", "--output", "o", option, *([value] if value else [])]
    given = getattr(parser.parse_args(words), field)
    assert str(given).lower() in (set_to, f"{set_to}.0")
    from_mapping(IngestConfig, to_mapping(IngestConfig()) | {field: given})


def test_every_hint_on_a_setting_is_written_so():
    fields = set(to_mapping(IngestConfig())) - {"label_map", "corners"}
    for text in TEXTS:
        named = {field for field in fields if re.search(rf"\b{field}\b", text)}
        assert named == {found[2] for found in TYPED.findall(text)}


def test_what_accepts_a_drift_is_a_setting():
    setting = gate._ACCEPT_DRIFT.rpartition("--set ")[2]
    assert apply_overrides(presets.smoke(), [setting]).drift.on_drift == "go_on"
