"""What S3 alone has, in a real store on loopback; for the rest see test_stores.py."""

import pytest

pytest.importorskip("boto3")  # of the extra s3

from object_store import BUCKET
from served_store import as_a_new_process, served_store

from components.example_gen.shards import workers
from components.example_gen.source import remote, s3, storage
from pipeline.__main__ import main

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL")


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    with served_store("s3", tmp_path_factory.mktemp("seaweedfs") / "store") as bucket:
        yield bucket


@pytest.fixture(autouse=True)
def _as_a_new_process():
    as_a_new_process()
    yield
    as_a_new_process()


@pytest.fixture
def home(data_set, voc_xml):
    return data_set({n: voc_xml(f"{n}.jpg") for n in "ab"}, sets={"train": "a\nb"})


def uploaded(bucket, home, key):
    for path in home.rglob("*"):
        if path.is_file():
            bucket.upload(path, f"{key}/{path.relative_to(home)}")
    return f"s3://{BUCKET}/{key}"


def ingest(*arguments):
    return main(["ingest", *arguments, "--quiet"])


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
    assert len(entries) == 5  # of images, annotations and lists
    assert all(storage.read_bytes(entry, 1 << 20) for entry in entries)


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
    as_a_new_process()
    url = data if "://" in data else f"s3://{BUCKET}/{data}"
    out = tmp_path / "out"
    assert ingest("--data", url, "--output", str(out)) == status
    (line,) = capfd.readouterr().err.splitlines()
    assert said in line
    assert not out.exists()
