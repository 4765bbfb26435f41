"""What Beam's file system for gs:// lacks: a first question that soon ends, in a line.

Beam 2.77 looks for keys for half a minute where there are none, tells a trace of each
try, and hands on the errors of Google's client, which have no class in common.
"""

import functools
import logging

from apache_beam.internal.gcp import auth
from apache_beam.io.gcp import gcsio
from apache_beam.options.pipeline_options import PipelineOptions
from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError, TransportError

from components.example_gen.source import access

_TRIED_FOR_S, _ANSWER_S = 10, 10
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


def require_access(path: str, what: str, options: PipelineOptions) -> None:
    """Lists a single file of a folder.

    Raises:
      UserError: the store refuses the keys, or has no such bucket.
      UnavailableError: nobody answers.
    """
    bucket, prefix = gcsio.parse_gcs_path(f"{path.rstrip('/')}/", object_optional=True)
    told = f"{what} {path}"
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
