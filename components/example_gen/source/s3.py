"""What Beam's S3 file system lacks: one client for all files, empty files, an end.

Beam 2.77 makes a client of boto3 for every file that it opens, 0.26 s of CPU each, ends
an upload without bytes in an error, and asks for eight minutes where nobody answers.
"""

import contextvars
import functools
import logging
import os
import threading
from types import SimpleNamespace
from typing import Any

from apache_beam.io.aws import s3io
from apache_beam.io.aws.clients.s3 import boto3_client
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.utils import retry

from components.example_gen.source import access, lost_store
from schemas.user_error import UnavailableError, UserError

_CONNECT_S, _CONNECTIONS = 10, 64
# Of a request, where the user says nothing. A store that is lost in the middle may come
# back: 7 take half a minute.
_TRIES = contextvars.ContextVar("tries", default=7)
_TRIES_AT_FIRST = 3
_HELP = (
    "s3:// takes keys, region and endpoint from AWS_ACCESS_KEY_ID, "
    "AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION and AWS_ENDPOINT_URL, from ~/.aws, or "
    "from --beam-arg=--s3_..."
)
_LOCK = threading.Lock()


@functools.cache
def complete() -> None:
    """Puts into Beam's modules what they lack; UserError where boto3 is missing."""
    if not s3io.BOTO3_INSTALLED:
        raise UserError("s3:// needs boto3, which is not here: pip install '.[s3]'")
    sessions = SimpleNamespace(Session=_SharedSession)
    boto3_client.boto3 = SimpleNamespace(session=sessions)
    boto3_client.get_http_error_code = _http_error_code
    s3io.S3Uploader = _Uploader
    # It tells the root logger, some of it with a trace, what it raises as well.
    logging.getLogger().addFilter(lambda record: record.filename != "s3io.py")
    logging.getLogger("botocore").setLevel(logging.WARNING)  # where it found the keys


class _SharedSession:
    """As boto3's; its clients, which threads may share, are made once each."""

    def client(self, **options: Any) -> Any:
        with _LOCK:
            return _client(_TRIES.get(), tuple(sorted(options.items())))


@functools.cache
def _client(tries: int, options: tuple[tuple[str, Any], ...]) -> Any:
    import boto3
    from botocore.config import Config
    from botocore.session import get_session

    core = get_session()
    ours = {"mode": "legacy", "total_max_attempts": tries}
    limits = Config(
        connect_timeout=_CONNECT_S,
        max_pool_connections=_CONNECTIONS,
        retries=None if _says_retries(core) else ours,
    )
    session = boto3.session.Session(botocore_session=core)
    return session.client(config=limits, **dict(options))


def _says_retries(core: Any) -> bool:
    """Whether the environment or ~/.aws/config says how often to ask."""
    if {"AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS"} & os.environ.keys():
        return True
    return bool({"retry_mode", "max_attempts"} & core.get_scoped_config().keys())


class LostStoreError(UnavailableError, retry.PermanentException):
    """Nobody answers, after all tries of a request; Beam does not try again."""


class RefusedStoreError(UserError, retry.PermanentException):
    """The keys may not do what was asked for."""


def _http_error_code(error: Exception) -> int | None:
    """As Beam asks it of every error of boto3.

    Raises:
      LostStoreError: nobody answered.
      RefusedStoreError: the store says no.
    """
    from botocore import exceptions

    if isinstance(error, LostStoreError | RefusedStoreError):
        raise error
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        raise LostStoreError(lost_store.text_of(access.line_of(error))) from error
    response = getattr(error, "response", {})
    code: int | None = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if code in {401, 403}:
        cause = access.line_of(error)
        raise RefusedStoreError(lost_store.refusal_of(cause)) from error
    return code


class _Uploader(s3io.S3Uploader):
    def finish(self) -> None:
        if not self.buffer and not self.parts:
            self._write_to_s3(b"")  # S3 wants one part at least
        super().finish()


def require_access(path: str, what: str, options: PipelineOptions) -> None:
    """Lists a single file of a folder.

    Raises:
      UserError: the store refuses the keys, or has no such bucket.
      UnavailableError: nobody answers.
    """
    from botocore import exceptions

    bucket, prefix = s3io.parse_s3_path(f"{path.rstrip('/')}/", object_optional=True)
    told = f"{what} {path}"
    before = _TRIES.set(_TRIES_AT_FIRST)
    try:
        client = boto3_client.Client(options).client
        client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    except exceptions.ClientError as error:
        raise _refused(error, bucket, told) from error
    except (exceptions.HTTPClientError, exceptions.ConnectionError) as error:
        raise access.unanswered(told, error) from error
    except (exceptions.BotoCoreError, ValueError) as error:
        raise access.refused(told, error, _HELP) from error
    finally:
        _TRIES.reset(before)


def _refused(error: Any, bucket: str, told: str) -> UserError:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "NoSuchBucket":
        return access.no_bucket(told, bucket)
    if status >= 500:
        said = access.line_of(error)
        return UnavailableError(f"{told}: {said}; repeat the command later")
    return access.refused(told, error, _HELP)
