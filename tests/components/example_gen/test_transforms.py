"""The Beam transforms, output by output."""

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to

from components.example_gen import transforms
from components.example_gen.config import IngestConfig
from components.example_gen.shards import shard as shards
from components.example_gen.shards import staging as staged
from components.example_gen.shards.attempt import EXAMPLES
from components.example_gen.shards.plan_files import write_plan
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
def test_scanning_gives_all_class_names_once(pipeline, job, processes):
    scan = transforms.ScanClasses(job, Hands(processes, 1))
    with pipeline:
        names = pipeline | beam.Create(range(4)) | scan
        assert_that(names, equal_to([("cat", "dog")]))
    transforms.workers.close_shared_pools()


def test_every_shard_gives_one_result_and_equal_contents_one_finding(pipeline, job):
    with pipeline:
        names = pipeline | "Names" >> beam.Create([("cat", "dog")])
        outputs = (
            pipeline
            | "Shards" >> beam.Create(range(4))
            | transforms.WriteShards(names, job, Hands(1, 1))
        )
        counts = outputs["results"] | "Counts" >> beam.Map(
            lambda result: (
                result.tally.totals["images_written"],
                dict(result.tally.reasons),
                tuple((f.split, f.records) for f in result.files if f.kind == EXAMPLES),
            )
        )
        details = outputs["twins"] | "Details" >> beam.Map(
            lambda finding: (finding.reason, finding.detail)
        )
        expected = [
            (1, {}, (("eval", 1),)),
            (1, {}, (("train", 1),)),
            (1, {}, (("train", 1),)),
            (0, {"xml_malformed": 1}, ()),
        ]
        assert_that(counts, equal_to(expected), label="results")
        twins = [("duplicate_image", "train/a, train/b")]
        assert_that(details, equal_to(twins), label="twins")


def test_images_are_grouped_by_256_keys_and_judged_by_their_whole_hash():
    same, other = "aa" + "0" * 62, "aa" + "1" * 62
    first = [(same, "train", "a"), (other, "train", "b"), ("bb" * 32, "train", "c")]
    second = [(same, "eval", "d"), ("aa" + "2" * 62, "eval", "\udcff")]
    results = [
        shards.ShardResult(index, Tally(), (), tuple(hashes))
        for index, hashes in enumerate((first, second))
    ]
    grouped = [dict(transforms._owners_by_hash(result)) for result in results]
    assert [sorted(owners) for owners in grouped] == [["aa", "bb"], ["aa"]]
    found = [*transforms._judge_twins("aa", [owners["aa"] for owners in grouped])]
    assert [finding.detail for finding in found] == ["eval/d, train/a"]
    assert not [*transforms._judge_twins("bb", [grouped[0]["bb"]])]


def test_shards_do_not_depend_on_the_order_of_items(plan_of, home):
    items = plan_of(home).items
    pairs = IngestConfig(images_per_shard=2)
    forwards = shards.make_shards(items, pairs)
    assert shards.make_shards(items[::-1], pairs) == forwards
    assert [index for index, _ in forwards] == list(range(len(forwards)))
    # no shard mixes splits
    assert all(len({item.split for item in chunk}) == 1 for _, chunk in forwards)
