"""The Beam stages of a run on Prism make what they make on this machine."""

import shutil

import pytest

from pipeline.__main__ import main

pytestmark = pytest.mark.skipif(
    shutil.which("prism") is None,
    reason="no prism on PATH: go install "
    "github.com/apache/beam/sdks/v2/go/cmd/prism@v2.77.0",
)


@pytest.fixture(scope="module")
def roots(tiny_data, tmp_path_factory):
    """A finished run by each runner."""
    found = {}
    for runner in ("local", "prism"):
        found[runner] = tmp_path_factory.mktemp(runner) / "root"
        where = ["--data", str(tiny_data), "--root", str(found[runner])]
        options = ["--preset", "smoke", "--runner", runner, "--quiet"]
        assert main(["run", *where, *options]) == 0
    return found


def output(root, stage, name):
    (folder,) = (root / stage / name).iterdir()
    return folder


def files_of(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("name", ["examples", "annotations", "report"])
def test_ingest_writes_the_same_bytes(roots, name):
    here, there = (output(root, "VocExampleGen", name) for root in roots.values())
    assert files_of(here) == files_of(there)
    assert files_of(here)


def test_statistics_count_the_same(roots):
    from tensorflow_metadata.proto.v0 import statistics_pb2

    def counted(root):
        folder = output(root, "StatisticsGen", "statistics")
        for path in sorted(folder.rglob("FeatureStats.pb")):
            statistics = statistics_pb2.DatasetFeatureStatisticsList()
            statistics.ParseFromString(path.read_bytes())
            (data,) = statistics.datasets
            for feature in data.features:
                name = ".".join(feature.path.step)
                common = feature.num_stats.common_stats
                yield path.parent.name, data.num_examples, name, common.tot_num_values

    here, there = (sorted(counted(root)) for root in roots.values())
    assert here == there
    assert here


def test_the_vocabulary_is_the_same(roots):
    here, there = (
        files_of(output(root, "Transform", "transform_graph") / "transform_fn/assets")
        for root in roots.values()
    )
    assert here == there
    assert here
