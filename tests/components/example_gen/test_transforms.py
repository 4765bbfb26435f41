"""The Beam transforms, output by output."""

import dataclasses
import os
import shutil

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to

from components.example_gen import transforms
from components.example_gen.config import IngestConfig
from components.example_gen.shards import shard as shards
from components.example_gen.shards import staging as staged
from components.example_gen.shards.attempt import EXAMPLES
from components.example_gen.shards.plan_files import (
    keep_classes,
    kept_classes,
    write_plan,
)
from components.example_gen.shards.staging import StagingGoneError
from components.example_gen.shards.tally import Tally
from components.example_gen.shards.workers import Hands

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture
def pipeline():
    return beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"]))


@pytest.fixture
def home(data_set, voc_xml, voc_object, image_bytes):
    same = image_bytes()
    cat = voc_xml("b.jpg", objects=[voc_object(name="cat")])
    return data_set(
        {"a": voc_xml(), "b": cat, "c": b"broken", "d": voc_xml("d.jpg")},
        {"a": same, "b": same},
        sets={"train": "a\nb\nc", "val": "d"},
    )


@pytest.fixture
def job(home, tmp_path):
    """A job whose plan has four shards of one image."""
    config = IngestConfig(images_per_shard=1, corners="one_based")
    staging = str(tmp_path / "staging")
    assert write_plan(str(home), config, staging, "").shard_sizes == (1, 1, 1, 1)
    staged.claim(staging, "run", config)
    return shards.ShardJob(staging, "run", config, ())


@pytest.mark.parametrize("processes", [1, 2])
def test_scanning_keeps_all_class_names_and_gives_the_shards(pipeline, job, processes):
    scan = transforms.KeepClasses(4, job, Hands(processes, 1))
    with pipeline:
        shards = pipeline | beam.Create(range(4)) | scan
        assert_that(shards, equal_to(range(4)))
    assert kept_classes(job.staging) == ("cat", "dog")
    transforms.workers.close_shared_pools()


def test_the_classes_of_the_first_attempt_count(job):
    keep_classes(job.staging, ("cat", "dog"))
    keep_classes(job.staging, ("cat",))
    assert kept_classes(job.staging) == ("cat", "dog")


@pytest.mark.parametrize(
    "step",
    [
        lambda job: list(transforms._WriteShard(Hands(1, 1), job).process(0)),
        lambda job: transforms._keep_sorted(frozenset({"cat"}), job, 4),
        lambda job: transforms._write_summary((Tally(), []), job),
    ],
)
def test_a_step_of_a_run_that_is_over_stops(job, step):
    shutil.rmtree(job.staging)
    with pytest.raises(StagingGoneError):
        step(job)
    assert not os.path.exists(job.staging)


def test_every_shard_gives_one_result(pipeline, job):
    keep_classes(job.staging, ("cat", "dog"))
    with pipeline:
        results = (
            pipeline
            | "Shards" >> beam.Create(range(4))
            | transforms.WriteShards(job, Hands(1, 1))
        )
        counts = results | "Counts" >> beam.Map(
            lambda result: (
                result.tally.totals["images_written"],
                dict(result.tally.reasons),
                tuple((f.split, f.records) for f in result.files if f.kind == EXAMPLES),
            )
        )
        expected = [
            (1, {}, (("eval", 1),)),
            (1, {}, (("train", 1),)),
            (1, {}, (("train", 1),)),
            (0, {"xml_malformed": 1}, ()),
        ]
        assert_that(counts, equal_to(expected))


@pytest.mark.parametrize(("label_map", "groupings"), [(None, 4), (("cat",), 2)])
def test_the_job_is_one_chain_without_branches(pipeline, job, label_map, groupings):
    config = dataclasses.replace(job.config, label_map=label_map)
    job = dataclasses.replace(job, config=config)
    transforms.build(pipeline, 4, job, Hands(1, 1))
    steps = pipeline.to_runner_api().components.transforms.values()
    leaves = [step for step in steps if not step.subtransforms]
    read = [pcoll for step in leaves for pcoll in step.inputs.values()]
    assert len(read) == len(set(read))
    kinds = [step.spec.urn.split(":")[2] for step in leaves]
    assert kinds.count("impulse") == 1
    assert kinds.count("group_by_key") == groupings


def test_shards_do_not_depend_on_the_order_of_items(plan_of, home):
    items = plan_of(home).items
    pairs = IngestConfig(images_per_shard=2)
    forwards = shards.make_shards(items, pairs)
    assert shards.make_shards(items[::-1], pairs) == forwards
    assert [index for index, _ in forwards] == list(range(len(forwards)))
    # no shard mixes splits
    assert all(len({item.split for item in chunk}) == 1 for _, chunk in forwards)
