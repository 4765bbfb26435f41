"""Two attempts at one shard, timed so that they meet: never a file of both."""

import threading
from pathlib import Path

import pytest

from components.example_gen.config import IngestConfig
from components.example_gen.output.directories import delete_tree
from components.example_gen.shards import shard as shards
from components.example_gen.shards import staging as staged
from components.example_gen.shards import tfrecord
from components.example_gen.shards.attempt import EXAMPLES
from components.example_gen.shards.plan_files import write_plan, write_planned
from schemas.label_map import LabelMap
from schemas.tf_example import decode_example
from schemas.user_error import UserError

DOGS = LabelMap(("dog",))
IDS = [f"i{number}" for number in range(6)]


@pytest.fixture
def job(data_set, voc_xml, tmp_path):
    """A plan of one shard of six images, and whose it is."""
    names = {image_id: voc_xml(f"{image_id}.jpg") for image_id in IDS}
    home = data_set(names, sets={"train": "\n".join(names)})
    config = IngestConfig(corners="one_based", ensure_splits=False)
    staging = str(tmp_path / "staging")
    assert write_plan(str(home), config, staging, "").shard_sizes == (6,)
    staged.claim(staging, "run", config)
    return shards.ShardJob(staging, "run", config, ())


class Attempt(threading.Thread):
    """An attempt that stops before its image `pause_at` until it is told to go on."""

    def __init__(self, job, pause_at, label_map=DOGS):
        super().__init__()
        self.job, self.pause_at, self.label_map = job, pause_at, label_map
        self.examined = 0
        self.paused, self.goes_on = threading.Event(), threading.Event()
        self.result, self.error = None, None

    def run(self):
        try:
            self.result = write_planned(0, self.label_map, self.job)
        except UserError as error:
            self.error = error

    def start_and_pause(self):
        self.start()
        assert self.paused.wait(30)

    def go_on(self):
        self.goes_on.set()
        self.join(30)
        assert not self.is_alive()


@pytest.fixture(autouse=True)
def _pauses(monkeypatch):
    real = shards.examine_all

    def examine_all(*arguments):
        attempt = threading.current_thread()
        if isinstance(attempt, Attempt):
            if attempt.examined == attempt.pause_at:
                attempt.paused.set()
                assert attempt.goes_on.wait(30)
            attempt.examined += 1
        return real(*arguments)

    monkeypatch.setattr(shards, "examine_all", examine_all)
    monkeypatch.setattr(shards, "_BATCH", (1, 1 << 22))


def examples_of(result, job):
    (file,) = (file for file in result.files if file.kind == EXAMPLES)
    path = f"{job.staging}/{file.name}"
    assert tfrecord.size_and_crc(path) == (file.size, file.crc)
    records = list(tfrecord.read_records(path))
    assert len(records) == file.records
    return {decode_example(record).image_id for record in records}


def names(job):
    return {path.name for path in (Path(job.staging) / "shards").iterdir()}


@pytest.mark.parametrize("first_to_end", [0, 1])
def test_attempts_that_meet_both_make_a_whole_shard(job, first_to_end):
    attempts = Attempt(job, pause_at=4), Attempt(job, pause_at=2)
    for attempt in attempts:
        attempt.start_and_pause()
    attempts[first_to_end].go_on()
    attempts[1 - first_to_end].go_on()
    for attempt in attempts:
        assert examples_of(attempt.result, job) == set(IDS)


def test_a_slow_attempt_that_wakes_up_later_leaves_its_retry_as_it_was(job):
    slow = Attempt(job, pause_at=3)
    slow.start_and_pause()
    retry = write_planned(0, DOGS, job)
    slow.go_on()
    assert examples_of(retry, job) == set(IDS)
    for file in retry.files:
        staged.require_intact(job.staging, file)


def test_a_retry_returns_what_was_finished_and_reads_no_image(job, monkeypatch):
    first = write_planned(0, DOGS, job)
    before = names(job)
    monkeypatch.setattr(shards, "examine_all", None)
    assert write_planned(0, DOGS, job) == first
    assert names(job) == before


def test_a_result_whose_file_was_cut_is_no_result(job):
    first = write_planned(0, DOGS, job)
    path = Path(job.staging) / first.files[0].name
    path.write_bytes(path.read_bytes()[:-1])
    again = write_planned(0, DOGS, job)
    assert again.files[0].name != first.files[0].name
    assert examples_of(again, job) == set(IDS)


def test_a_retry_under_another_label_map_does_its_own_work(job):
    first = write_planned(0, DOGS, job)
    other = write_planned(0, LabelMap(("cat", "dog")), job)
    assert not {f.name for f in first.files} & {f.name for f in other.files}
    assert examples_of(other, job) == set(IDS)
    # the class id, 0 and then 1, is in every record
    assert [f.crc for f in other.files if f.kind == EXAMPLES] != [
        f.crc for f in first.files if f.kind == EXAMPLES
    ]


def test_an_attempt_that_outlives_its_run_leaves_nothing(job):
    zombie = Attempt(job, pause_at=3)
    zombie.start_and_pause()
    delete_tree(job.staging)
    zombie.go_on()
    assert "is gone" in str(zombie.error)
    assert not Path(job.staging).exists()


def test_workers_refuse_a_folder_of_another_run_or_config(job):
    other = IngestConfig(corners="one_based", ensure_splits=False, min_box_px=9)
    for run_id, config in (("another run", job.config), ("run", other)):
        staged.claim(job.staging, run_id, config)
        with pytest.raises(UserError, match="another run's now"):
            write_planned(0, DOGS, job)
    assert names(job) == set()


def test_a_file_that_lost_a_bit_in_staging_is_told(job):
    file = write_planned(0, DOGS, job).files[0]
    path = Path(job.staging) / file.name
    raw = bytearray(path.read_bytes())
    raw[40] ^= 1
    path.write_bytes(raw)
    with pytest.raises(UserError, match=r"is not what its worker wrote \(.* bytes"):
        staged.require_intact(job.staging, file)
