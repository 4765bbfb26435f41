"""Without Beam a run writes the same bytes as with it."""

import os

import pytest

from components.example_gen import local_run
from components.example_gen.config import IngestConfig
from components.example_gen.ingest import ingest, pipeline_with
from components.example_gen.output.directories import whole_output
from components.example_gen.source import spans

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture
def home(data_set, voc_xml, voc_object, image_bytes):
    """Two twins in train, another in val, a negative, a reject, a dropped object."""
    same = image_bytes()
    point = [voc_object(), voc_object(name="cat", box=(7, 7, 7, 7))]
    return data_set(
        {
            "a": voc_xml(),
            "b": voc_xml("b.jpg", objects=point),
            "c": voc_xml("c.jpg"),
            "d": voc_xml("d.jpg", objects=[]),
            "e": b"<annotation",
            "f": voc_xml("f.jpg", objects=[voc_object(name="emu")]),
        },
        {"a": same, "b": same, "c": same},
        sets={"train": "a\nb\ne\nf", "val": "c\nd"},
    )


def output_of(home, folder, make_pipeline, **config):
    """Every file that a run writes: name below the output -> content."""
    with whole_output(str(folder)) as dirs:
        settings = IngestConfig(images_per_shard=1, **config)
        ingest(spans.resolve(str(home)), dirs, settings, make_pipeline)
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("classes", [None, ("emu", "dog", "cat")])
def test_with_and_without_beam_every_file_is_the_same(home, tmp_path, classes):
    by_beam = output_of(home, tmp_path / "beam", pipeline_with, label_map=classes)
    assert b"split_leak" in by_beam["rejects.jsonl"]
    for processes in (1, 2):
        alone = output_of(
            home,
            tmp_path / f"alone{processes}",
            None,
            label_map=classes,
            processes=processes,
        )
        assert alone == by_beam


def test_beam_is_asked_where_someone_asks_for_it(home, tmp_path, monkeypatch):
    def refuse(*arguments):
        raise AssertionError("ran without Beam")

    monkeypatch.setattr("components.example_gen.ingest.run_shards", refuse)
    assert output_of(home, tmp_path / "beam", pipeline_with)
    with pytest.raises(AssertionError, match="ran without Beam"):
        output_of(home, tmp_path / "alone", None)


def test_few_images_take_a_thread_for_each_core_that_may_be_used(
    home, tmp_path, monkeypatch
):
    given = []

    def look(*arguments):
        given.extend(arguments)
        raise InterruptedError

    monkeypatch.setattr("components.example_gen.ingest.run_shards", look)
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [min(cores)])
    try:
        with pytest.raises(InterruptedError):
            output_of(home, tmp_path / "alone", None)
    finally:
        os.sched_setaffinity(0, cores)

    assert given[-1] == (1, 1)


def test_a_run_on_this_machine_leaves_no_worker(home, tmp_path):
    output_of(home, tmp_path / "out", None, processes=2)
    assert not local_run.workers._SHARED
