"""The stages of a run on this machine, and what each reads."""

import dataclasses

import pytest

from pipeline import presets
from pipeline.config import RunPaths
from pipeline.overrides import apply_overrides
from pipeline.pipeline import create_pipeline
from pipeline.run.state import RunState
from schemas.user_error import UserError

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

PATHS = RunPaths(data="/data/voc", root="/data/root", push_destination="/data/served")


def test_the_edges_are_the_drawn_ones(edges):
    state = RunState(data_digest="d", baseline_identity="")
    stages = create_pipeline(presets.cpu_small(), PATHS, state)

    assert {
        stage.id: {channel.producer_component_id for channel in stage.inputs.values()}
        for stage in stages
    } == {
        name: producers - ({"DataGate"} if name == "Transform" else set())
        for name, producers in edges.items()
    }
    (transform,) = [stage for stage in stages if stage.id == "Transform"]
    assert "DataGate" in {node.id for node in transform.upstream_nodes}


def test_a_training_of_several_processes_is_refused_with_the_command_for_it():
    config = apply_overrides(presets.cpu_small(), ["trainer.strategy=multi_host"])
    state = RunState(data_digest="", baseline_identity="")
    with pytest.raises(UserError, match="start `voc-pipeline train` in each of them"):
        create_pipeline(config, PATHS, state)


def test_an_earlier_span_is_two_stages_more_and_reaches_only_the_data_gate(edges):
    paths = dataclasses.replace(PATHS, span="7", earlier_span="6")
    state = RunState(data_digest="d", earlier_digest="e", baseline_identity="")
    stages = {
        stage.id: stage for stage in create_pipeline(presets.cpu_small(), paths, state)
    }

    assert set(stages) - set(edges) == {"EarlierVocExampleGen", "EarlierStatisticsGen"}
    assert stages["EarlierVocExampleGen"].exec_properties["span"] == "6"
    readers = {
        stage.id
        for stage in stages.values()
        for channel in stage.inputs.values()
        if channel.producer_component_id == "EarlierStatisticsGen"
    }
    assert readers == {"DataGate"}


@pytest.fixture(scope="module")
def window_stages():
    paths = dataclasses.replace(
        PATHS, span="8", earlier_span="6", window=("5", "6", "8")
    )
    state = RunState(
        data_digest="all",
        earlier_digest="d6",
        window_digests=("d5", "d6", "d8"),
        baseline_identity="",
    )
    stages = create_pipeline(presets.cpu_small(), paths, state)
    return {stage.id: stage for stage in stages}


def test_a_window_reads_each_span_in_a_stage_named_by_it(window_stages, edges):
    read = {
        name.removeprefix("VocExampleGen-"): (
            stage.exec_properties["span"],
            stage.exec_properties["data_digest"],
        )
        for name, stage in window_stages.items()
        if name.startswith("VocExampleGen")
    }
    assert read == {"5": ("5", "d5"), "6": ("6", "d6"), "8": ("8", "d8")}
    assert window_stages.keys() - edges.keys() == {
        *(f"VocExampleGen-{span}" for span in (5, 6, 8)),
        *(f"StatisticsGen-{span}" for span in (6, 8)),
        "SpanWindow",
    }


def test_what_learns_and_judges_reads_the_window_and_the_data_gate_its_newest_span(
    window_stages, edges
):
    producers = {
        name: {
            source
            for channel in stage.inputs.values()
            for source in (
                [each.producer_component_id for each in channel.channels]
                if hasattr(channel, "channels")
                else [channel.producer_component_id]
            )
        }
        for name, stage in window_stages.items()
    }
    expected = {
        name: {"SpanWindow" if s == "VocExampleGen" else s for s in sources}
        for name, sources in edges.items()
        if name not in ("VocExampleGen", "StatisticsGen", "DataGate")
    }
    expected["Transform"] -= {"DataGate"}  # not an input: it comes first
    expected["ReportWriter"] |= {"VocExampleGen-8"}  # the page about the new data
    assert {name: producers[name] for name in expected} == expected
    assert producers["DataGate"] == {
        "StatisticsGen-8",
        "StatisticsGen-6",
        "SchemaImport",
    }
    assert producers["SpanWindow"] == {f"VocExampleGen-{span}" for span in (5, 6, 8)}
    gate_first = {node.id for node in window_stages["SpanWindow"].upstream_nodes}
    assert "DataGate" in gate_first


def test_a_window_of_one_span_needs_no_stage_more(edges):
    paths = dataclasses.replace(PATHS, span="8", window=("8",))
    state = RunState(data_digest="d", window_digests=("d",), baseline_identity="")
    stages = {stage.id for stage in create_pipeline(presets.smoke(), paths, state)}

    renamed = {"VocExampleGen": "VocExampleGen-8", "StatisticsGen": "StatisticsGen-8"}
    assert stages == {renamed.get(name, name) for name in edges}


def test_a_training_that_is_watched_otherwise_is_cached_as_the_same():
    state = RunState(data_digest="d", baseline_identity="")
    configs = (
        presets.cpu_small(),
        apply_overrides(presets.cpu_small(), ["trainer.doctor=false"]),
    )
    parameters = [
        next(
            stage.exec_properties["custom_config"]
            for stage in create_pipeline(config, PATHS, state)
            if stage.id == "Trainer"
        )
        for config in configs
    ]
    assert parameters[0] == parameters[1]
    assert "/data/root/watching.json" in parameters[0]
