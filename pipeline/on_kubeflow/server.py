"""KFP's API server, through the client that its own SDK uses; errors in one line.

The calls are those of github.com/kubeflow/pipelines, backend/api/v2beta1.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import kfp_server_api
import urllib3

from schemas.user_error import UserError

ENDED = ("SUCCEEDED", "FAILED", "SKIPPED", "CANCELED")
TRIES = 4
# How long a wait outlives a server that fails: an upgrade, a lost tunnel.
PATIENCE_S = 600.0
# Where Kubernetes projects the token that multi-user Kubeflow accepts from a pod.
_TOKEN_PATH = "KF_PIPELINES_SA_TOKEN_PATH"


class Server:
    """One API server.

    Args:
      host: URL, such as http://localhost:8888.
      namespace: a profile's, where Kubeflow has many users; "" else.
      wait_s: before the second try of a call; twice as long before each further one.
    """

    def __init__(self, host: str, namespace: str = "", wait_s: float = 1.0):
        self.host = host.rstrip("/")
        self.namespace = namespace
        self.wait_s = wait_s
        if not self.host.startswith(("http://", "https://")):
            raise UserError(f"--host {host}: a URL, such as http://localhost:8888")
        config = kfp_server_api.Configuration(host=self.host)
        config.ssl_ca_cert = os.environ.get("SSL_CERT_FILE")
        # Only what changes nothing is asked again after an answer.
        config.retries = urllib3.Retry(
            TRIES - 1,
            backoff_factor=wait_s,
            status_forcelist=(500, 502, 503, 504),
            allowed_methods={"GET"},
            raise_on_status=False,
        )
        if path := os.environ.get(_TOKEN_PATH):
            config.api_key["authorization"] = _token(path)
            config.api_key_prefix["authorization"] = "Bearer"
            # Such a token lives for two hours at most; the file gets the next one.
            config.refresh_api_key_hook = lambda asked: asked.api_key.update(
                authorization=_token(path)
            )
        self._client = kfp_server_api.ApiClient(config)
        self.runs = kfp_server_api.RunServiceApi(self._client)
        self.schedules = kfp_server_api.RecurringRunServiceApi(self._client)
        self._experiments = kfp_server_api.ExperimentServiceApi(self._client)
        self._require_kfp()

    def experiment(self, name: str) -> str:
        """Id of the experiment of this name, which is made where there is none."""
        with self.told():
            listed = self._experiments.experiment_service_list_experiments(
                filter=_is("display_name", name), **self._scope()
            )
        for experiment in listed.experiments or []:
            return str(experiment.experiment_id)
        body = kfp_server_api.V2beta1Experiment(
            display_name=name, namespace=self.namespace or None
        )
        with self.told():
            made = self._experiments.experiment_service_create_experiment(
                experiment=body
            )
        return str(made.experiment_id)

    def last_finished(self, experiment_id: str, is_other: Callable[[str], bool]) -> Any:
        """The newest run of an experiment that succeeded; None if none has.

        Args:
          experiment_id: of the experiment.
          is_other: tells by its description that a run is to be passed over.
        """
        token = ""
        while True:
            with self.told():
                page = self.runs.run_service_list_runs(
                    experiment_id=experiment_id,
                    sort_by="created_at desc",
                    page_token=token,
                    page_size=100,
                    **self._scope(),
                )
            for run in page.runs or []:
                if run.state == "SUCCEEDED" and not is_other(run.description or ""):
                    return run
            token = page.next_page_token or ""
            if not token:
                return None

    def start(self, run: Any) -> str:
        """Starts a run, once, whatever the server answers first; returns its id."""
        before = self._ids_of_name(run)
        for attempt in range(TRIES):
            try:
                with self.told():
                    return str(self.runs.run_service_create_run(run=run).run_id)
            except ServerFailedError:
                time.sleep(self.wait_s * 2**attempt)
                # Perhaps it was started all the same.
                for started in self._ids_of_name(run) - before:
                    return started
                if attempt == TRIES - 1:
                    raise
        raise AssertionError("unreachable")

    def wait(
        self,
        run_id: str,
        every_s: float,
        tell: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Any:
        """The run, once it has ended; `tell` gets each new state of it.

        A server that fails or cannot be reached is asked again for PATIENCE_S.
        """
        told = ""
        answered_s = clock()
        while True:
            try:
                with self.told():
                    run = self.runs.run_service_get_run(run_id=run_id)
                state, answered_s = run.state, clock()
            except ServerFailedError as error:
                if clock() - answered_s >= PATIENCE_S:
                    raise
                state = f"{error}; asked again"
            if state and state != told:
                tell(state)
                told = state
            if state in ENDED:
                return run
            sleep(every_s)

    def schedule_named(self, name: str) -> Any:
        """The schedule of this name.

        Raises:
          UserError: there is none; those that exist are named.
        """
        found = self.list_schedules()
        for schedule in found:
            if schedule.display_name == name:
                return schedule
        known = ", ".join(schedule.display_name for schedule in found) or "none"
        raise UserError(f"no schedule {name!r}; there are: {known}")

    def list_schedules(self) -> list[Any]:
        """All schedules, page by page."""
        found: list[Any] = []
        token = ""
        while True:
            with self.told():
                page = self.schedules.recurring_run_service_list_recurring_runs(
                    page_token=token, page_size=100, **self._scope()
                )
            found += page.recurring_runs or []
            token = page.next_page_token or ""
            if not token:
                return found

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Turns what goes wrong in a call into one line."""
        try:
            yield
        except kfp_server_api.ApiException as error:
            raise self._line(error) from error
        except urllib3.exceptions.HTTPError as error:
            reason = str(error).rsplit(":", 1)[-1].strip(" )'\"")
            line = f"{self.host} cannot be reached: {reason}"
            raise ServerFailedError(line) from error

    def _ids_of_name(self, run: Any) -> set[str]:
        """Ids of the runs in this one's experiment that are named as it is."""
        found: set[str] = set()
        token = ""
        while True:
            with self.told():
                page = self.runs.run_service_list_runs(
                    experiment_id=run.experiment_id,
                    filter=_is("display_name", run.display_name),
                    page_token=token,
                    page_size=100,
                    **self._scope(),
                )
            found |= {str(listed.run_id) for listed in page.runs or []}
            token = page.next_page_token or ""
            if not token:
                return found

    def _scope(self) -> dict[str, str]:
        return {"namespace": self.namespace} if self.namespace else {}

    def _require_kfp(self) -> None:
        """Asks for the server's health: is this KFP's API at all?"""
        health = kfp_server_api.HealthzServiceApi(self._client)
        with self.told():
            answer = health.healthz_service_get_healthz(_preload_content=False)
        try:
            json.loads(answer.data)
        except ValueError as error:
            raise UserError(
                f"{self.host} answers with a page, not as KFP's API does: a login in "
                "front of it, or another port (kubectl port-forward -n kubeflow "
                "svc/ml-pipeline 8888:8888)"
            ) from error

    def _line(self, error: Any) -> UserError:
        body = error.body.decode() if isinstance(error.body, bytes) else error.body
        try:
            message = json.loads(body or "")["message"]
        except (ValueError, KeyError, TypeError):
            message = error.reason or "no reason given"
        message = " ".join(str(message).split())
        if error.status in (401, 403):
            return UserError(
                f"{self.host} refuses the login ({error.status}: {message}); from a "
                f"pod, {_TOKEN_PATH} names the token's file"
            )
        if error.status and error.status >= 500:
            return ServerFailedError(f"{self.host} failed ({error.status}: {message})")
        return UserError(f"{self.host}: {message} ({error.status})")


class ServerFailedError(UserError):
    """The server answered 5xx or could not be reached, each time it was asked."""


def failures(run: Any) -> list[str]:
    """One line for each stage that failed, and for the run itself, from a run."""
    details = run.run_details.task_details if run.run_details else None
    lines = [
        f"{task.display_name}: {_message(task)}"
        for task in details or []
        if task.state == "FAILED"
    ]
    return lines or [f"run {run.run_id}: {_message(run)}"]


def _token(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as token:
            return token.read().strip()
    except OSError as error:
        raise UserError(f"{_TOKEN_PATH}={path}: {error.strerror}") from error


def _message(failed: Any) -> str:
    message = failed.error.message if failed.error else ""
    return " ".join(message.split()) or "failed; its log says why"


def _is(key: str, value: str) -> str:
    predicate = {"operation": "EQUALS", "key": key, "stringValue": value}
    return json.dumps({"predicates": [predicate]})
