"""What Beam's file system for gs:// lacks: an end in a line, at first and later on.

Beam 2.77 looks for keys for half a minute where there are none, tells a trace of each
try, and hands on the errors of Google's client, which have no class in common. Some
are an OSError, as that of a file which cannot be read.
"""

import contextvars
import functools
import logging
from collections.abc import Callable
from typing import Any

from apache_beam.internal.gcp import auth
from apache_beam.io.gcp import gcsio
from apache_beam.options.pipeline_options import PipelineOptions
from google.api_core import exceptions, retry
from google.auth.exceptions import GoogleAuthError, TransportError
from requests import ConnectionError as NoConnectionError
from requests import Timeout

from components.example_gen.source import access, lost_store
from schemas.user_error import UnavailableError, UserError

_TRIED_FOR_S, _ANSWER_S = 10, 10
_LOST_AFTER_S = 120  # as Google's client has it
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

    def make_telling(*arguments: Any, **options: Any) -> Any:
        client = make(*arguments, **options)
        session = client._http  # all requests go through it, those for bytes too
        session.request = functools.partial(_asked, session.request)
        return client

    gcsio.create_storage_client = make_telling


class LostStoreError(UnavailableError):
    """Nobody answers, or only with an error, after all tries of a request."""


class RefusedStoreError(UserError):
    """The keys may not do what was asked for."""


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
    try:
        return retry.Retry(again, timeout=_LOST_AFTER_S)(ask)()
    except exceptions.RetryError as error:
        cause = access.line_of(error.cause or error)
        raise LostStoreError(lost_store.text_of(cause)) from error
    except (exceptions.Unauthorized, exceptions.Forbidden) as error:
        cause = access.line_of(error)
        raise RefusedStoreError(lost_store.refusal_of(cause)) from error


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
