"""How often S3's client asks a store that fails: as the user says, else as we do."""

import pytest

pytest.importorskip("boto3")  # of the extra s3

from refusing_store import refusing_store

from components.example_gen.source import remote, s3
from schemas.user_error import UnavailableError


@pytest.fixture(autouse=True)
def _as_a_new_process(monkeypatch, tmp_path):
    for name in ("AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "key")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    s3._client.cache_clear()
    remote.tell(())
    yield
    s3._client.cache_clear()
    remote.tell(())


@pytest.mark.parametrize(
    ("environment", "config", "asked"),
    [
        ({}, "", 3),
        ({"AWS_MAX_ATTEMPTS": "1"}, "", 1),
        ({"AWS_MAX_ATTEMPTS": "2", "AWS_RETRY_MODE": "adaptive"}, "", 2),
        ({}, "max_attempts = 2", 2),
    ],
)
def test_tries_are_those_of_the_environment(
    environment, config, asked, monkeypatch, tmp_path
):
    (tmp_path / "config").write_text(f"[default]\n{config}\n")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with refusing_store(503) as store:
        monkeypatch.setenv("AWS_ENDPOINT_URL", store.endpoint)
        with pytest.raises(UnavailableError, match=r"PLACE s3://voc: .*later"):
            remote.require_access("s3://voc", "PLACE")
    assert len(store.asked) == asked


@pytest.mark.parametrize("mode", ["standard", "adaptive"])
def test_the_mode_of_the_environment_holds(mode, monkeypatch):
    monkeypatch.setenv("AWS_RETRY_MODE", mode)
    client = s3._client(7, (("service_name", "s3"),))
    assert client.meta.config.retries["mode"] == mode


def test_of_a_store_that_is_lost_midway_a_request_is_made_seven_times():
    tries = s3._client(s3._TRIES.get(), (("service_name", "s3"),)).meta.config.retries
    assert (tries["mode"], tries["total_max_attempts"]) == ("legacy", 7)
