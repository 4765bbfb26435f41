"""What Beam's file system for gs:// lacks: an end in a line, at first and later on.

Beam 2.77 looks for keys for half a minute where there are none, tells a trace of each
try, and hands on the errors of Google's client, which have no class in common. Some
are an OSError, as that of a file which cannot be read. Of what is asked for in a batch,
as each deletion is, it has the status alone. Files to delete it takes for patterns, and
lists each before. It makes a client, and so a connection, for all that it is asked.
"""

import base64
import contextvars
import functools
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from apache_beam.internal.gcp import auth
from apache_beam.io.gcp import gcsio
from apache_beam.options.pipeline_options import PipelineOptions
from google.api_core import exceptions, retry
from google.auth.exceptions import GoogleAuthError, TransportError
from requests import ConnectionError as NoConnectionError
from requests import Timeout
from requests.adapters import HTTPAdapter

from components.example_gen.source import access, lost_store
from schemas.user_error import UnavailableError, UserError

_TRIED_FOR_S, _ANSWER_S = 10, 10
_CLIENTS, _CONNECTIONS = 4, 64
_LOST_AFTER_S = 120  # as Google's client has it
_SOON_S = 10  # after a loss, in which what is still open is closed
_AGAIN = (NoConnectionError, Timeout, TransportError, exceptions.ServerError)
_error_of: Callable[[Any], Exception] = exceptions.from_http_response
_IS_FIRST = contextvars.ContextVar("is_first", default=False)
_HELP = (
    "gs:// takes keys from GOOGLE_APPLICATION_CREDENTIALS, from `gcloud auth "
    "application-default login`, or from the machine's service account"
)


@functools.cache
def complete() -> None:
    """Lets Beam look for keys once; where it finds none it asks without, as before."""
    search = auth._Credentials._get_credentials_with_retrys
    auth._Credentials._get_credentials_with_retrys = staticmethod(search.__wrapped__)
    for name in (auth.__name__, "google.auth"):  # where they looked
        logging.getLogger(name).setLevel(logging.ERROR)
    make = gcsio.create_storage_client

    @functools.lru_cache(_CLIENTS)  # by the very options; threads may share a client
    def make_telling(options: PipelineOptions, use_credentials: bool = True) -> Any:
        client = make(options, use_credentials)
        session = client._http  # all requests go through it, those for bytes too
        session.request = functools.partial(_asked, session.request)
        for scheme in ("https://", "http://"):
            session.mount(scheme, HTTPAdapter(pool_maxsize=_CONNECTIONS))
        return client

    gcsio.create_storage_client = make_telling
    gcsio.GcsIO = _GcsIO


class LostStoreError(UnavailableError):
    """Nobody answers, or only with an error, after all tries of a request."""


class RefusedStoreError(UserError):
    """The keys may not do what was asked for."""


class _Loss:
    """When a store was last given up, by the monotonic clock."""

    at = -math.inf


def _asked(request: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """One request, again and again while it fails; Google's client knows no better."""
    if _IS_FIRST.get():
        return request(*arguments, **options)

    def ask() -> Any:
        answer = request(*arguments, **options)
        if answer.status_code >= 500 or answer.status_code in {401, 403, 429}:
            raise _error_of(answer)
        return answer

    too_many = exceptions.TooManyRequests
    again = retry.if_exception_type(*_AGAIN, too_many)
    # Files of a shard that are closed because of the loss wait for nobody again.
    is_given_up = time.monotonic() - _Loss.at < _SOON_S
    try:
        return retry.Retry(again, timeout=0 if is_given_up else _LOST_AFTER_S)(ask)()
    except exceptions.RetryError as error:
        if not is_given_up:
            _Loss.at = time.monotonic()
        cause = access.line_of(error.cause or error)
        raise LostStoreError(lost_store.text_of(cause)) from error
    except (exceptions.Unauthorized, exceptions.Forbidden) as error:
        cause = access.line_of(error)
        raise RefusedStoreError(lost_store.refusal_of(cause)) from error


class _GcsIO(gcsio.GcsIO):
    """Raises what the store says no to in a batch, and what it never answers."""

    def delete_batch(self, paths: Sequence[str]) -> Any:
        done = super().delete_batch(paths)
        for path, status in done:
            _require_done(status, f"DELETE {path}")
        return done

    def copy_batch(self, src_dest_pairs: Sequence[tuple[str, str]]) -> Any:
        done = super().copy_batch(src_dest_pairs)
        for source, target, status in done:
            _require_done(status, f"POST {source} -> {target}")
        return done


def _require_done(status: int | None, asked: str) -> None:
    if status in {401, 403}:
        raise RefusedStoreError(lost_store.refusal_of(f"{status} {asked}"))
    if status is not None and (status >= 500 or status == 429):
        raise LostStoreError(lost_store.text_of(f"{status} {asked}"))


def delete(paths: Sequence[str], options: PipelineOptions) -> None:
    """Deletes files by their very names, 100 a request."""
    for path, status in gcsio.GcsIO(pipeline_options=options).delete_batch(paths):
        if status is not None:
            raise OSError(f"{path} cannot be deleted: the store answers {status}")


def listed(
    folder: str, options: PipelineOptions
) -> Iterator[tuple[str, int, float, int | None]]:
    """Path, size, time of the last change (s) and crc32c of every file in a folder.

    There is no crc32c of a file that is kept under a customer's key.

    Beam's own holds all names, and asks for all that Google knows of a file.
    """
    bucket, prefix = gcsio.parse_gcs_path(folder, object_optional=True)
    wanted = "items(name,size,updated,crc32c),nextPageToken"
    client = gcsio.GcsIO(pipeline_options=options).client
    try:
        for file in client.list_blobs(bucket, prefix=prefix, fields=wanted):
            name = f"gs://{bucket}/{file.name}"
            size = file.size or 0  # 0 may be left out
            yield name, size, file.updated.timestamp(), _crc(file.crc32c)
    except exceptions.GoogleAPIError as error:
        raise OSError(f"{folder}: {access.line_of(error)}") from error


def _crc(told: str | None) -> int | None:
    return int.from_bytes(base64.b64decode(told), "big") if told else None


def require_access(path: str, what: str, options: PipelineOptions) -> None:
    """Lists a single file of a folder.

    Raises:
      UserError: the store refuses the keys, or has no such bucket.
      UnavailableError: nobody answers.
    """
    bucket, prefix = gcsio.parse_gcs_path(f"{path.rstrip('/')}/", object_optional=True)
    told = f"{what} {path}"
    before = _IS_FIRST.set(True)
    try:
        found = gcsio.GcsIO(pipeline_options=options).client.list_blobs(
            bucket,
            max_results=1,
            prefix=prefix,
            timeout=_ANSWER_S,
            retry=gcsio.DEFAULT_RETRY.with_timeout(_TRIED_FOR_S),
        )
        next(iter(found), None)
    except exceptions.NotFound as error:
        raise access.no_bucket(told, bucket) from error
    except (exceptions.RetryError, exceptions.ServerError, TransportError) as error:
        raise access.unanswered(told, error) from error
    except (exceptions.GoogleAPIError, GoogleAuthError, ValueError, OSError) as error:
        raise access.refused(told, error, _HELP) from error
    finally:
        _IS_FIRST.reset(before)
