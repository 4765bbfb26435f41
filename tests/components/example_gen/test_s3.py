"""Data, staging and output in a real S3 store on loopback, by Beam's file systems."""

import contextvars
import json
import tarfile

import pytest

pytest.importorskip("boto3")  # of the extra s3

from object_store import BUCKET, served_bucket

from components.example_gen.shards import workers
from components.example_gen.source import remote, s3, storage
from components.example_gen.source.digest import data_digest
from pipeline.__main__ import main

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL")


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    with served_bucket(tmp_path_factory.mktemp("seaweedfs") / "data") as bucket:
        yield bucket


def as_a_new_process():
    s3._client.cache_clear()
    remote.tell(())


@pytest.fixture(autouse=True)
def _as_users_say_it(bucket, monkeypatch, tmp_path):
    values = ("minio", "minio123", bucket.endpoint)
    for name, value in zip(KEYS, values, strict=True):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    as_a_new_process()
    yield
    as_a_new_process()


@pytest.fixture
def home(data_set, voc_xml):
    """Four images of which one is a reject, in a folder whose name is a pattern."""
    names = ("a", "b", "c", "d [1]")
    xmls = {n: voc_xml(f"{n}.jpg") for n in names} | {"c": b"broken"}
    return data_set(xmls, sets={"train": "a\nc\nd [1]", "val": "b"})


def uploaded(bucket, home, key):
    for path in home.rglob("*"):
        if path.is_file():
            bucket.upload(path, f"{key}/{path.relative_to(home)}")
    return f"s3://{BUCKET}/{key}"


def ingest(*arguments):
    return main(["ingest", *arguments, "--quiet", "--max-rejected-images", "1"])


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def without_place(files):
    """All but the two files that name the data set's place."""
    return {k: v for k, v in files.items() if k not in {"report.json", "report.html"}}


def test_output_in_a_store_is_that_on_a_disk(bucket, home, tmp_path):
    url = uploaded(bucket, home, "set [1]")
    here = tmp_path / "here"
    assert ingest("--data", str(home), "--output", str(here)) == 0
    there = f"s3://{BUCKET}/out"
    assert ingest("--data", url, "--output", there) == 0
    stored = bucket.content("out/")
    local = files_of(here)
    assert stored.keys() == local.keys()  # so nothing is left of staging
    assert without_place(stored) == without_place(local)
    assert b"xml_malformed" in stored["rejects.jsonl"]
    assert ingest("--data", url, "--output", there) == 2
    assert bucket.content("out/") == stored


def test_spans_in_a_store_are_those_on_a_disk(bucket, home, tmp_path, capfd):
    for number in (1, 2):
        uploaded(bucket, home, f"spans/{number}")
    pattern, out = f"s3://{BUCKET}/spans/{{SPAN}}", tmp_path / "out"
    assert ingest("--data", pattern, "--output", str(out)) == 0
    assert ingest("--data", str(home), "--output", str(tmp_path / "here")) == 0
    assert without_place(files_of(out)) == without_place(files_of(tmp_path / "here"))
    report = json.loads((out / "report.json").read_text())["details"]
    assert (report["data"], report["span"]) == (f"s3://{BUCKET}/spans/2", 2)
    capfd.readouterr()
    assert ingest("--data", pattern, "--span", "7", "--output", str(out)) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "has no span 7; there are: 1, 2" in line


def test_a_tar_in_a_store_is_that_on_a_disk(bucket, home, tmp_path):
    packed = tmp_path / "set.tar"
    with tarfile.open(packed, "w") as tar:
        tar.add(home, "VOC")
    bucket.upload(packed, "set.tar")
    places = {"here": str(packed), "there": f"s3://{BUCKET}/set.tar"}
    for name, place in places.items():
        assert ingest("--data", place, "--output", str(tmp_path / name)) == 0
    here, there = (without_place(files_of(tmp_path / name)) for name in places)
    assert there == here
    assert here


def test_worker_processes_know_what_beam_was_told(bucket, home, monkeypatch):
    url = uploaded(bucket, home, "told")
    for name in KEYS:
        monkeypatch.delenv(name)
    options = ("access_key_id=minio", "secret_access_key=minio123")
    options += (f"endpoint_url={bucket.endpoint}", "region_name=us-east-1")
    s3._client.cache_clear()
    remote.tell([f"--s3_{option}" for option in options])
    assert storage.exists(url)
    pool = workers.WorkerPool(1)
    try:
        assert pool.submit(storage.exists, url).result()
    finally:
        pool.close()


def test_one_client_serves_all_files(bucket, home, monkeypatch):
    import boto3

    url = uploaded(bucket, home, "clients")
    storage.exists(url)
    monkeypatch.setattr(boto3.session, "Session", None)  # a new client would need one
    entries = storage.list_files(url)
    assert len(entries) == 10  # of images, annotations and lists
    assert all(storage.read_bytes(entry, 1 << 20) for entry in entries)


def test_an_empty_file_can_be_written_and_read(bucket):
    from components.example_gen.shards import tfrecord

    path = f"s3://{BUCKET}/empty"
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


@pytest.mark.parametrize(
    ("changed", "data", "status", "said"),
    [
        ({"AWS_ACCESS_KEY_ID": "stranger"}, "x", 2, "InvalidAccessKeyId"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "x", 2, "SignatureDoesNotMatch"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "x", 69, "Could not connect"),
        ({"AWS_ENDPOINT_URL": "nonsense"}, "x", 2, "Invalid endpoint"),
        ({}, "x", 2, "no such data set"),
        ({}, "s3://no-such-bucket/x", 2, "no bucket no-such-bucket"),
    ],
)
def test_what_is_wrong_with_a_store_is_one_line(
    changed, data, status, said, monkeypatch, capfd, tmp_path
):
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    s3._client.cache_clear()
    url = data if "://" in data else f"s3://{BUCKET}/{data}"
    out = tmp_path / "out"
    assert ingest("--data", url, "--output", str(out)) == status
    (line,) = capfd.readouterr().err.splitlines()
    assert said in line
    assert not out.exists()


def test_keys_that_may_only_list_are_one_line(
    bucket, home, tmp_path, monkeypatch, capfd
):
    url = uploaded(bucket, home, "listed")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "lister")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "lister123")
    as_a_new_process()
    refused, here = f"s3://{BUCKET}/refused", str(tmp_path / "out")
    for data, output in ((url, here), (str(home), refused)):
        assert ingest("--data", data, "--output", output) == 2
        (line,) = capfd.readouterr().err.splitlines()
        assert line.startswith("voc-pipeline ingest: the store says no: ")
        assert line.endswith("; give the keys that right and repeat the command")


def test_an_output_without_a_bucket_is_one_line(home, capfd):
    assert ingest("--data", str(home), "--output", "s3://no-such-bucket/out") == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "output s3://no-such-bucket/out" in line


def test_a_lost_file_of_a_shard_is_told(bucket, home, monkeypatch):
    from components.example_gen.output import publish

    url = uploaded(bucket, home, "lost")
    real = publish.require_listed

    def lose_one(staging, files):
        path = f"{staging}/{files[0].name}"
        remote.of(path).delete([path])
        real(staging, files)

    monkeypatch.setattr(publish, "require_listed", lose_one)
    output = f"s3://{BUCKET}/lost-out"
    assert ingest("--data", url, "--output", output) == 2
    assert "report.json" not in bucket.content("lost-out/")


@pytest.mark.parametrize("lost", ["data", "output"])
def test_a_store_that_is_lost_in_the_middle_is_one_line(
    home, tmp_path, monkeypatch, capfd, lost
):
    from components.example_gen import transforms

    config, real = tmp_path / "ingest.json", transforms.write_planned
    config.write_text('{"images_per_shard": 1}')
    tries = contextvars.ContextVar("tries", default=2)
    monkeypatch.setattr(s3, "_TRIES", tries)  # 7 take half a minute
    with served_bucket(tmp_path / "seaweedfs") as bucket:

        def lose_after_one(*arguments):
            result = real(*arguments)
            bucket.lose()
            return result

        monkeypatch.setattr(transforms, "write_planned", lose_after_one)
        monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.endpoint)
        as_a_new_process()
        data, out = uploaded(bucket, home, "set"), str(tmp_path / "out")
        if lost == "output":
            data, out = str(home), f"s3://{BUCKET}/out"
        command = ["--data", data, "--output", out, "--config", str(config)]
        assert ingest(*command) == 69
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("voc-pipeline ingest: the store is lost: Could not connect")
    assert line.endswith("; start it again and repeat the command")
    assert not (tmp_path / "out").exists()
