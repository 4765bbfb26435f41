"""`predict --batch` with pictures and results in real stores on loopback."""

import json

import pytest

pytest.importorskip("boto3")  # of the extra s3

from apache_beam.io.aws import s3io
from PIL import Image
from served_store import KINDS, as_a_new_process, served_store

from components.example_gen.source import remote, s3
from pipeline.__main__ import main
from pipeline.prediction.batch_files import WholeShards

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


@pytest.fixture(autouse=True)
def told(bucket, monkeypatch):
    """What Beam is told of the store; of S3 nothing is in the environment."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "ENDPOINT_URL"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    as_beam_comes(monkeypatch)
    if bucket.url.startswith("s3://"):
        options = ("access_key_id=minio", "secret_access_key=minio123")
        options += (f"endpoint_url={bucket.endpoint}", "region_name=us-east-1")
        yield [f"--s3_{option}" for option in options]
    else:
        yield []
    as_beam_comes(monkeypatch)


def as_beam_comes(monkeypatch):
    """Beam's modules as they come, which know of no store."""
    as_a_new_process()
    s3.complete.cache_clear()
    monkeypatch.setattr(s3io, "S3Uploader", s3._Uploader.__base__)


def predict(model, pictures, output, told):
    asked = ["predict", model, pictures, "--output", output, "--batch"]
    return main([*asked, *(f"--beam-arg={option}" for option in told)])


def test_pictures_and_results_lie_in_a_store(
    bucket, told, tmp_path, save_one_box, capfd
):
    model = save_one_box(tmp_path / "7")
    Image.new("RGB", (40, 30), "gray").save(tmp_path / "a.png")
    bucket.upload(tmp_path / "a.png", "in/a.png")

    output = f"{bucket.url}/out"
    assert predict(model, f"{bucket.url}/in", output, told) == 0

    found = bucket.content("out/")
    (result,) = json.loads(found["results-00000-of-00001.json"])
    assert (result["image_id"], result["bbox"]) == ("a", [0, 0, 40, 30])
    assert found["unreadable-00000-of-00001.jsonl"] == b""
    assert json.loads(found["summary.json"])["pictures"] == 1
    capfd.readouterr()
    nowhere = f"{bucket.url.partition('://')[0]}://no-such-bucket/out"
    for pictures, place, message in (
        ("in", output, f"--output {output} holds files"),
        ("in", nowhere, f"--output {nowhere}: there is"),
        ("none", f"{output}2", f"no pictures and no TFRecords in {bucket.url}/none"),
    ):
        assert predict(model, f"{bucket.url}/{pictures}", place, told) == 2
        (line,) = capfd.readouterr().err.splitlines()
        assert message in line


def test_a_worker_that_read_nothing_there_writes_an_empty_shard(bucket, told):
    remote.tell(told)
    remote.file_systems()
    path = f"{bucket.url}/unreadable"
    sink = WholeShards(path, ".jsonl", (b"", b"", b""), 10)
    sink.close(sink.open(path))
    assert bucket.content("unreadable") == {"": b""}
