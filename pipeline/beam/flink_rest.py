"""What a Flink cluster itself is asked, by its REST interface: to end a job.

A job server of Beam 2.51 that is told to cancel lets the job on the cluster run on.
"""

import json
import urllib.parse
import urllib.request
from typing import Any

_MAGIC = ("", "[auto]", "[local]", "[collection]")  # Beam's: no cluster's address
_WITHIN_S = 20


def cancel(master: str, job_name: str) -> None:
    """Ends the jobs of that name, on the cluster at HOST:PORT or a URL of it.

    Raises:
      OSError: nothing that is a Flink cluster answers there.
    """
    if master in _MAGIC:
        return
    place = master if "://" in master else f"http://{master}"
    for job in _answer(f"{place}/jobs/overview")["jobs"]:
        if job["name"] == job_name and job["end-time"] < 0:
            job_id = urllib.parse.quote(job["jid"])
            _answer(f"{place}/jobs/{job_id}?mode=cancel", "PATCH")


def _answer(url: str, method: str = "GET") -> Any:
    request = urllib.request.Request(url, method=method)
    with urllib.request.urlopen(request, timeout=_WITHIN_S) as answer:
        try:
            return json.load(answer)
        except ValueError as error:
            raise OSError(f"{url} does not answer as Flink does") from error
