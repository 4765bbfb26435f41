"""A store of a kind on loopback, with what its users have in their environment."""

import contextlib
import math
import os
import pathlib
from collections.abc import Iterator
from unittest import mock

from apache_beam.internal.gcp import auth
from cloud_storage import CloudBucket, served_to_google_clients
from object_store import Bucket, served_bucket

from components.example_gen.source import gs, remote, s3

KINDS = ("s3", "gs")


@contextlib.contextmanager
def served_store(kind: str, folder: pathlib.Path) -> Iterator[Bucket | CloudBucket]:
    """An empty bucket whose `url` this process may use; Google's takes no keys."""
    folder.mkdir()
    users = {
        "no_proxy": "*",
        "NO_GCE_CHECK": "true",
        "CLOUDSDK_CONFIG": str(folder / "none"),
        "AWS_ACCESS_KEY_ID": "minio",
        "AWS_SECRET_ACCESS_KEY": "minio123",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(folder / "none"),
    }
    served = {
        "s3": lambda: served_bucket(folder / "data"),
        "gs": lambda: served_to_google_clients(folder),
    }
    with mock.patch.dict(os.environ, users), without_keys(), served[kind]() as bucket:
        if isinstance(bucket, Bucket):
            os.environ["AWS_ENDPOINT_URL"] = bucket.endpoint
        as_a_new_process()
        try:
            yield bucket
        finally:
            as_a_new_process()


@contextlib.contextmanager
def without_keys() -> Iterator[None]:
    """Beam's module of Google's keys as it comes, which knows of none."""
    os.environ.pop("GOOGLE_APPLICATION_CREDENTIALS", None)
    with (
        mock.patch.object(auth._Credentials, "_credentials_init", False),
        mock.patch.object(auth._Credentials, "_credentials", None),
    ):
        yield


def as_a_new_process() -> None:
    """What was learned of a store is forgotten."""
    gs._Loss.at = -math.inf
    s3._client.cache_clear()
    remote.tell(())
