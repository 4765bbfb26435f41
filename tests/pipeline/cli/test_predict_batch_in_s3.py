"""`predict --batch` with pictures and results in a real S3 store on loopback."""

import json

import pytest

pytest.importorskip("boto3")  # of the extra s3

from apache_beam.io.aws import s3io
from object_store import BUCKET, served_bucket
from PIL import Image

from components.example_gen.source import remote, s3
from pipeline.__main__ import main
from pipeline.prediction.batch_files import WholeShards

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    with served_bucket(tmp_path_factory.mktemp("seaweedfs") / "data") as bucket:
        yield bucket


@pytest.fixture(autouse=True)
def told(bucket, monkeypatch):
    """What Beam is told of the store; nothing is in the environment."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "ENDPOINT_URL"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    as_a_new_process(monkeypatch)
    options = ("access_key_id=minio", "secret_access_key=minio123")
    options += (f"endpoint_url={bucket.endpoint}", "region_name=us-east-1")
    yield [f"--s3_{option}" for option in options]
    as_a_new_process(monkeypatch)


def as_a_new_process(monkeypatch):
    """Beam's modules as they come, which know of no store."""
    s3._client.cache_clear()
    s3.complete.cache_clear()
    monkeypatch.setattr(s3io, "S3Uploader", s3._Uploader.__base__)
    remote.tell(())


def predict(model, pictures, output, told):
    asked = ["predict", model, pictures, "--output", output, "--batch"]
    return main([*asked, *(f"--beam-arg={option}" for option in told)])


def test_pictures_and_results_lie_in_a_store(
    bucket, told, tmp_path, save_one_box, capfd
):
    model = save_one_box(tmp_path / "7")
    Image.new("RGB", (40, 30), "gray").save(tmp_path / "a.png")
    bucket.upload(tmp_path / "a.png", "in/a.png")

    output = f"s3://{BUCKET}/out"
    assert predict(model, f"s3://{BUCKET}/in", output, told) == 0

    found = bucket.content("out/")
    (result,) = json.loads(found["results-00000-of-00001.json"])
    assert (result["image_id"], result["bbox"]) == ("a", [0, 0, 40, 30])
    assert found["unreadable-00000-of-00001.jsonl"] == b""
    assert json.loads(found["summary.json"])["pictures"] == 1
    capfd.readouterr()
    for pictures, place, message in (
        ("in", output, f"--output {output} holds files"),
        ("in", "s3://no-such-bucket/out", "--output s3://no-such-bucket/out: there is"),
        ("none", f"{output}2", f"no pictures and no TFRecords in s3://{BUCKET}/none"),
    ):
        assert predict(model, f"s3://{BUCKET}/{pictures}", place, told) == 2
        (line,) = capfd.readouterr().err.splitlines()
        assert message in line


def test_a_worker_that_read_nothing_there_writes_an_empty_shard(bucket, told):
    remote.tell(told)
    remote.file_systems()
    path = f"s3://{BUCKET}/unreadable"
    sink = WholeShards(path, ".jsonl", (b"", b"", b""), 10)
    sink.close(sink.open(path))
    assert bucket.content("unreadable") == {"": b""}
