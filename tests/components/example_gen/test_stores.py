"""Data, staging and output in real stores on loopback, by Beam's file systems."""

import contextvars
import json
import os
import signal
import tarfile
import time

import pytest

pytest.importorskip("boto3")  # of the extra s3

from cloud_storage import ListOnly, in_front
from served_store import KINDS, as_a_new_process, served_store

from components.example_gen import transforms
from components.example_gen.output import publish
from components.example_gen.shards import tfrecord
from components.example_gen.source import gs, remote, s3, storage
from components.example_gen.source.digest import data_digest
from pipeline.__main__ import main

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module", params=KINDS)
def bucket(request, tmp_path_factory):
    place = tmp_path_factory.mktemp(request.param) / "store"
    with served_store(request.param, place) as bucket:
        yield bucket


@pytest.fixture
def home(data_set, voc_xml):
    """Four images of which one is a reject, in a folder whose name is a pattern."""
    names = ("a", "b", "c", "d [1]")
    xmls = {n: voc_xml(f"{n}.jpg") for n in names} | {"c": b"broken"}
    return data_set(xmls, sets={"train": "a\nc\nd [1]", "val": "b"})


@pytest.fixture
def one_each(tmp_path):
    """Options for an image a shard."""
    config = tmp_path / "ingest.json"
    config.write_text('{"max_shard_bytes": 1}')
    return ["--config", str(config)]


def uploaded(bucket, home, key):
    for path in home.rglob("*"):
        if path.is_file():
            bucket.upload(path, f"{key}/{path.relative_to(home)}")
    return f"{bucket.url}/{key}"


def ingest(data, output, *more):
    command = ["ingest", "--data", str(data), "--output", str(output), *more]
    return main([*command, "--quiet", "--max-rejected-images", "1"])


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def without_place(files):
    """All but the two files that name the data set's place."""
    return {k: v for k, v in files.items() if k not in {"report.json", "report.html"}}


def test_output_in_a_store_is_that_on_a_disk(bucket, home, tmp_path, capfd):
    url = uploaded(bucket, home, "set [1]")
    here, there = tmp_path / "here", f"{bucket.url}/out [1]"
    assert ingest(home, here) == 0
    assert ingest(url, there) == 0
    stored = bucket.content("out [1]/")
    local = files_of(here)
    assert stored.keys() == local.keys()  # so nothing is left of staging
    assert without_place(stored) == without_place(local)
    assert b"xml_malformed" in stored["rejects.jsonl"]
    capfd.readouterr()
    assert ingest(url, there) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert f"output {there} already holds a report; name another" in line
    assert bucket.content("out [1]/") == stored


def test_what_a_store_rejected_is_replayed(bucket, home, voc_xml, tmp_path):
    assert ingest(home, f"{bucket.url}/first") == 0
    bucket_list = f"{bucket.url}/first/rejects.jsonl"
    (tmp_path / "rejects.jsonl").write_bytes(bucket.content("first/")["rejects.jsonl"])
    (home / "Annotations/c.xml").write_bytes(voc_xml("c.jpg"))
    local_list, here = str(tmp_path / "rejects.jsonl"), tmp_path / "here"
    assert ingest(home, here, "--replay", local_list) == 0
    assert ingest(home, f"{bucket.url}/mended", "--replay", bucket_list) == 0
    stored = without_place(bucket.content("mended/"))
    assert stored == without_place(files_of(here))
    (examples,) = (name for name in stored if name.startswith("Split-train/images"))
    path = f"{bucket.url}/mended/{examples}"
    (record,) = tfrecord.read_records(path)
    assert b"c.jpg" in record


def test_spans_in_a_store_are_those_on_a_disk(bucket, home, tmp_path, capfd):
    for number in (1, 2):
        uploaded(bucket, home, f"spans/{number}")
    pattern, out = f"{bucket.url}/spans/{{SPAN}}", tmp_path / "out"
    assert ingest(pattern, out) == 0
    assert ingest(home, tmp_path / "here") == 0
    assert without_place(files_of(out)) == without_place(files_of(tmp_path / "here"))
    report = json.loads((out / "report.json").read_text())["details"]
    assert (report["data"], report["span"]) == (f"{bucket.url}/spans/2", 2)
    capfd.readouterr()
    assert ingest(pattern, out, "--span", "7") == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "has no span 7; there are: 1, 2" in line


def test_a_tar_in_a_store_is_that_on_a_disk(bucket, home, tmp_path):
    packed = tmp_path / "set.tar"
    with tarfile.open(packed, "w") as tar:
        tar.add(home, "VOC")
    bucket.upload(packed, "set.tar")
    places = {"here": packed, "there": f"{bucket.url}/set.tar"}
    for name, place in places.items():
        assert ingest(place, tmp_path / name) == 0
    here, there = (without_place(files_of(tmp_path / name)) for name in places)
    assert there == here
    assert here


def test_an_empty_file_can_be_written_and_read(bucket):
    path = f"{bucket.url}/empty"
    tfrecord.write_whole(path, b"")
    assert storage.size(path) == 0
    with storage.open_read(path) as file:
        assert file.read() == b""


def test_the_digest_opens_no_file(bucket, home, monkeypatch):
    url = uploaded(bucket, home, "digest")
    monkeypatch.setattr(storage, "open_read", None)
    before = data_digest(url)
    assert data_digest(url) == before
    (home / "Annotations/a.xml").write_bytes(b"<annotation/>")
    uploaded(bucket, home, "digest")
    assert data_digest(url) != before


def test_files_are_deleted_by_their_very_names(bucket):
    for name in ("old/1", "old/[x]", "older/1"):
        tfrecord.write_whole(f"{bucket.url}/{name}", b"x")
    remote.delete_below(f"{bucket.url}/old")
    assert bucket.keys("old") == ["older/1"]


@pytest.fixture
def url(bucket, home):
    return uploaded(bucket, home, "set")


@pytest.fixture
def may_list(bucket, url, monkeypatch):
    """Keys that may list files, and no more."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "lister")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "lister123")
    as_a_new_process()
    if bucket.url.startswith("s3://"):
        yield
    else:
        with in_front(ListOnly):
            yield
    monkeypatch.undo()
    as_a_new_process()


@pytest.mark.usefixtures("may_list")
def test_keys_that_may_only_list_are_one_line(url, bucket, home, tmp_path, capfd):
    for data, output in ((url, tmp_path / "out"), (home, f"{bucket.url}/refused")):
        assert ingest(data, output) == 2
        (line,) = capfd.readouterr().err.splitlines()
        assert line.startswith("voc-pipeline ingest: the store says no: ")
        assert line.endswith("; give the keys that right and repeat the command")


def test_an_output_without_a_bucket_is_one_line(bucket, home, capfd):
    output = f"{bucket.url.partition('://')[0]}://no-such-bucket/out"
    assert ingest(home, output) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert f"output {output}: there is no bucket no-such-bucket" in line


@pytest.mark.parametrize("harm", ["deleted", "cut"])
def test_a_file_of_a_shard_that_is_not_as_written_is_told(
    bucket, home, monkeypatch, capfd, harm
):
    real = publish.require_listed

    def harm_one(staging, files):
        path = f"{staging}/{files[0].name}"
        if harm == "deleted":
            remote.of(path).delete([path])
        else:
            tfrecord.write_whole(path, b"")
        real(staging, files)

    monkeypatch.setattr(publish, "require_listed", harm_one)
    assert ingest(home, f"{bucket.url}/harmed-{harm}") == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "the store lost something; run it again" in line
    assert not bucket.keys(f"harmed-{harm}/")


def test_an_interrupted_run_leaves_nothing(
    bucket, home, tmp_path, monkeypatch, capfd, one_each
):
    real, output = transforms.write_planned, f"{bucket.url}/broken-off"

    def interrupt_after_one(*arguments):
        real(*arguments)
        assert bucket.keys("broken-off/.staging/")
        tfrecord.write_whole(f"{output}/.staging/another/run.json", b"")
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)  # it comes before that

    monkeypatch.setattr(transforms, "write_planned", interrupt_after_one)
    # What a shell has in the background ignores it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    assert ingest(home, output, *one_each) == 130
    signal.signal(signal.SIGINT, before)
    (line,) = capfd.readouterr().err.splitlines()
    assert line
    # Another run may have taken the output over.
    assert bucket.keys("broken-off/") == ["broken-off/.staging/another/run.json"]
    monkeypatch.undo()
    assert ingest(home, output, *one_each) == 0
    assert ingest(home, tmp_path / "here", *one_each) == 0
    stored = without_place(bucket.content("broken-off/"))
    assert stored == without_place(files_of(tmp_path / "here"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lost", ["data", "output"])
def test_a_store_that_is_lost_in_the_middle_is_one_line(
    home, tmp_path, monkeypatch, capfd, one_each, kind, lost
):
    real = transforms.write_planned
    # 7 tries take half a minute, and Google's client two.
    monkeypatch.setattr(s3, "_TRIES", contextvars.ContextVar("tries", default=2))
    monkeypatch.setattr(gs, "_LOST_AFTER_S", 1)
    with served_store(kind, tmp_path / "store") as bucket:

        def lose_after_one(*arguments):
            result = real(*arguments)
            bucket.lose()
            return result

        monkeypatch.setattr(transforms, "write_planned", lose_after_one)
        data, out = uploaded(bucket, home, "set"), str(tmp_path / "out")
        if lost == "output":
            data, out = home, f"{bucket.url}/out"
        assert ingest(data, out, *one_each) == 69
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("voc-pipeline ingest: the store is lost: ")
    assert line.endswith("; start it again and repeat the command")
    assert not (tmp_path / "out").exists()
