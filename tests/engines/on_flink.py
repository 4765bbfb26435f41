"""Our stages on a Flink cluster with two task managers: `make test-flink`.

Not collected by itself: three JVMs and the job server take 3 GB, and TFX's stages
minutes. `make` runs it in a network namespace; BUILD names what was installed.
"""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from flink_cluster import FlinkCluster, children_of, options
from stage_outputs import files_of, stage_outputs

from pipeline.__main__ import main
from schemas import own_process

pytestmark = pytest.mark.filterwarnings("ignore")
BUILD = os.environ["BUILD"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("flink")


@pytest.fixture(scope="module")
def cluster(place):
    cluster = FlinkCluster(BUILD, place / "cluster")
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
def data(place):
    """Sixty drawn images, with sets."""
    assert main(["sample-data", str(place / "data"), "--images", "60"]) == 0
    return place / "data"


def ingest(data, output, *options):
    config = output.with_suffix(".json")
    config.write_text('{"images_per_shard": 4, "max_dropped_objects": 1}')
    where = [str(data), "--output", str(output), "--config", str(config)]
    return ["ingest", *where, "--quiet", *options]


@pytest.mark.parametrize("parallelism", [1, 2, 4])
def test_ingest_writes_the_same_bytes(data, place, cluster, parallelism):
    here, there = place / f"here-{parallelism}", place / f"there-{parallelism}"
    assert main(ingest(data, here)) == 0
    assert main(ingest(data, there, *options(place, parallelism))) == 0
    assert files_of(there) == files_of(here)
    assert len(files_of(here)) > 15


@pytest.fixture(scope="module")
def many(data, place):
    """Each of the sixty fifty times, without sets: the content says the split."""
    for folder in ("Annotations", "JPEGImages"):
        (place / "many" / folder).mkdir(parents=True)
        for source in (data / folder).iterdir():
            for number in range(50):
                name = f"{source.stem}-{number:02d}{source.suffix}"
                os.link(source, place / "many" / folder / name)
    return place / "many"


def shards_done(output):
    return len(list(output.parent.glob(f".{output.name}.partial/.staging/*/results/*")))


@pytest.fixture(scope="module")
def local_many(many, place):
    assert main(ingest(many, place / "many-here")) == 0
    return files_of(place / "many-here")


@pytest.fixture
def long_run(many, place, cluster):
    """An ingest of 750 shards in a process of its own, with 40 of them written."""
    output = place / "many-there"
    command = ingest(many, output, *options(place, 2))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "pipeline", *command],
        env={**os.environ, **own_process.environment()},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while shards_done(output) < 40:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        assert shards_done(output) < 700
        yield process, output
    finally:
        process.kill()
        process.communicate()


def newest_job(told):
    return max(told["jobs"], key=lambda job: job["start-time"])["state"]


def test_a_command_that_is_ended_ends_its_job_on_the_cluster(cluster, long_run):
    process, output = long_run
    process.terminate()  # Ctrl-C is ignored by what a shell has in the background
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert [line.partition(";")[0] for line in errors.splitlines()] == [
        "voc-pipeline ingest: interrupted"
    ]
    cluster.wait_for("jobs/overview", lambda told: newest_job(told) == "CANCELED")
    assert not output.exists()


@pytest.mark.parametrize("lost", ["worker", "task manager"])
def test_ingest_survives_what_is_lost(cluster, long_run, local_many, lost):
    process, output = long_run
    task_manager = cluster.processes["task manager 1"].pid
    if lost == "worker":
        (worker,) = children_of(task_manager)
        os.kill(worker, signal.SIGKILL)
    else:
        cluster.kill("task manager 1")
        cluster.start_task_manager(1)  # what supervises a site's does that
    _, errors = process.communicate(timeout=400)
    assert process.returncode == 0, errors
    assert errors == ""
    assert files_of(output) == local_many
    shutil.rmtree(output)


@pytest.fixture(scope="module")
def runs(data, place, cluster):
    """What the stages of one root wrote, in a run here and then in one on Flink.

    The second finds the checkpoints of the first: its model is the same.
    """
    root = place / "root"
    where = ["run", "--data", str(data), "--root", str(root), "--quiet"]
    found = []
    for name, runner in (("here", []), ("there", options(place, 2))):
        push = ["--push-destination", str(place / f"served-{name}")]
        arguments = [*where, "--preset", "smoke", *push, *runner]
        assert main(arguments) in (0, 1)  # 1: the gate refused
        found.append(stage_outputs(root))
    return found


@pytest.mark.parametrize(
    "name",
    ["examples", "annotations", "report", "statistics", "vocabulary", "metrics"],
)
def test_a_run_finds_the_same_to_the_last_digit(runs, name):
    here, there = runs
    assert there[name] == here[name]
    assert here[name]
