"""The first question to gs://, asked by Google's client of a store on loopback."""

import pytest
from apache_beam.internal.gcp import auth
from apache_beam.io.gcp import gcsio
from cloud_storage import (
    ListOnly,
    NoDelete,
    Proxy,
    in_front,
    served_to_google_clients,
)
from google.oauth2.credentials import Credentials
from refusing_store import refusing_store

from components.example_gen import transforms
from components.example_gen.source import gs, remote, storage
from pipeline.__main__ import main
from schemas.user_error import UnavailableError, UserError

NOBODY = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _without_keys(monkeypatch, tmp_path):
    monkeypatch.setattr(auth._Credentials, "_credentials_init", False)
    monkeypatch.setattr(auth._Credentials, "_credentials", None)
    monkeypatch.setattr(gs, "_TRIED_FOR_S", 0.5)
    monkeypatch.setattr(gs._Loss, "at", float("-inf"))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("no_proxy", "*")
    remote.tell(())
    yield
    remote.tell(())


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (401, UserError, "GOOGLE_APPLICATION_CREDENTIALS"),
        (403, UserError, "GOOGLE_APPLICATION_CREDENTIALS"),
        (404, UserError, "PLACE gs://voc: there is no bucket voc; make it"),
        (429, UnavailableError, "PLACE gs://voc: .*; start the store"),
        (501, UnavailableError, "PLACE gs://voc: .*; start the store"),
        (503, UnavailableError, "PLACE gs://voc: .*; start the store"),
    ],
)
def test_what_a_store_answers_is_told(status, kind, said, monkeypatch):
    with refusing_store(status) as store:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", store.endpoint)
        with pytest.raises(UserError, match=said) as told:
            remote.require_access("gs://voc", "PLACE")
    assert type(told.value) is kind
    assert "\n" not in str(told.value)
    assert store.asked


def test_keys_that_are_no_longer_good_are_told(monkeypatch):
    with refusing_store(400) as store:
        keys = Credentials(None, "r", token_uri=store.endpoint, client_id="c")
        keys._client_secret = "s"
        monkeypatch.setattr("google.auth.default", lambda **_: (keys, "project"))
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", NOBODY)
        with pytest.raises(UserError, match="GOOGLE_APPLICATION_CREDENTIALS") as told:
            remote.require_access("gs://voc/x", "PLACE")
    assert type(told.value) is UserError
    assert store.asked


@pytest.mark.parametrize("address", ["nonsense", "http://"])
def test_an_address_that_is_none_is_told(address, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
    with pytest.raises(UserError, match="PLACE gs://voc/x: "):
        remote.require_access("gs://voc/x", "PLACE")


def test_a_name_that_no_bucket_has_is_told():
    with pytest.raises(UserError, match=r"PLACE gs://_: .*must start"):
        remote.require_access("gs://_", "PLACE")


@pytest.mark.parametrize("data", ["gs://voc", "gs://voc/", "gs://voc/{SPAN}"])
def test_where_nobody_answers_a_command_says_one_line(
    data, monkeypatch, tmp_path, capfd
):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", NOBODY)
    out = tmp_path / "out"
    assert main(["ingest", "--data", data, "--output", str(out), "--quiet"]) == 69
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("voc-pipeline ingest: data set gs://voc")
    assert line.endswith("start the store, or mend its address")
    assert not out.exists()


def test_a_place_where_nobody_answers_is_one_line(monkeypatch, capfd):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", NOBODY)
    assert main(["rollback", "gs://my-models", "--because", "it is worse"]) == 69
    (line,) = capfd.readouterr().err.splitlines()
    assert "PLACE gs://my-models: " in line


@pytest.fixture
def url(data_set, voc_xml, tmp_path):
    """Two pictures in a bucket."""
    home = data_set({n: voc_xml(f"{n}.jpg") for n in "ab"}, sets={"train": "a\nb"})
    (tmp_path / "store").mkdir()
    with served_to_google_clients(tmp_path / "store") as bucket:
        for path in home.rglob("*"):
            if path.is_file():
                bucket.upload(path, str(path.relative_to(home)))
        yield bucket.url


def told(url, tmp_path, capfd):
    """Status and line of an ingest of one picture a shard."""
    (tmp_path / "ingest.json").write_text('{"images_per_shard": 1}')
    out = ["--output", str(tmp_path / "out"), "--config", str(tmp_path / "ingest.json")]
    status = main(["ingest", "--data", url, *out, "--quiet"])
    (line,) = capfd.readouterr().err.splitlines()
    assert not (tmp_path / "out").exists()
    return status, line


@pytest.mark.parametrize("answers", [None, 503])
def test_a_store_that_is_lost_midway_is_one_line(
    url, tmp_path, monkeypatch, capfd, answers
):
    real = transforms.write_planned
    monkeypatch.setattr(gs, "_LOST_AFTER_S", 1)
    with refusing_store(503) as failing, in_front(Proxy) as store:

        def lose_after_one(*arguments):
            result = real(*arguments)
            store.backend = failing.endpoint.removeprefix("http://")
            if answers is None:
                store.lose()
            return result

        monkeypatch.setattr(transforms, "write_planned", lose_after_one)
        status, line = told(url, tmp_path, capfd)
    assert status == 69
    assert line.startswith("voc-pipeline ingest: the store is lost: ")
    assert line.endswith("; start it again and repeat the command")


def test_keys_that_may_only_list_are_one_line(url, tmp_path, capfd):
    with in_front(ListOnly):
        status, line = told(url, tmp_path, capfd)
    assert status == 2
    assert line.startswith("voc-pipeline ingest: the store says no: 403 GET http://")
    assert line.endswith("; give the keys that right and repeat the command")


def test_keys_that_may_not_delete_are_one_line(url, tmp_path, capfd):
    output = ["--output", f"{url}/out", "--quiet"]
    with in_front(NoDelete):
        assert main(["ingest", "--data", str(tmp_path / "VOC"), *output]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("voc-pipeline ingest: the store says no: 403 DELETE gs://")
    assert line.endswith("; give the keys that right and repeat the command")


def test_one_client_serves_all_files(url, monkeypatch):
    entries = storage.list_files(url)
    monkeypatch.setattr(gcsio.storage, "Client", None)  # none can be made any more
    assert len(entries) == 5  # of images, annotations and a list
    assert all(storage.read_bytes(entry, 1 << 20) for entry in entries)


def test_what_is_asked_for_right_after_a_loss_is_tried_once(monkeypatch):
    monkeypatch.setattr(gs, "_LOST_AFTER_S", 2)
    with refusing_store(503) as store:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", store.endpoint)
        asked = []
        for soon_s in (10, 10, 0):
            monkeypatch.setattr(gs, "_SOON_S", soon_s)
            store.asked.clear()
            with pytest.raises(UnavailableError, match="the store is lost: 503 GET"):
                storage.exists("gs://voc/x")
            # Google's client asks for the bucket as well, in a thread of its own.
            asked.append(sum("/o/x?" in path for path in store.asked))
    assert asked[1] == 1
    assert min(asked[0], asked[2]) > 1
