"""MLflow and Weights & Biases: config, scalars by step, and where the model lies."""

import contextlib
import importlib.util
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from schemas.user_error import UserError

_LOG = logging.getLogger(__name__)
PROJECT = "voc-pipeline"
NOT_FOR_MLFLOW = re.compile(r"[^\w\-. /]")  # in the name of a metric


class Tracker(Protocol):
    """One run of a tracking service."""

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Take numbers of a step."""

    def finish(self, model_path: str) -> None:
        """The run is over and left this model."""

    def fail(self) -> None:
        """The run was broken off."""


class MlflowTracker:
    """A run where MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME say.

    A server that is lost on the way does not stop the training: it is told once, and
    left alone from there on.
    """

    def __init__(self, params: Mapping[str, str]) -> None:
        import mlflow

        self._mlflow = mlflow
        self._lost = False
        try:
            mlflow.start_run()
            mlflow.log_params(dict(params))
        except mlflow.MlflowException as error:
            raise UserError(
                f"trainer.tracking: MLflow began no run ({_first_line(error)}); "
                "set MLFLOW_TRACKING_URI, or trainer.tracking=[]"
            ) from error

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Metrics; characters that MLflow refuses in a name become `_`."""
        named = {NOT_FOR_MLFLOW.sub("_", name): x for name, x in values.items()}
        with self._unless_lost(f"at step {step}"):
            self._mlflow.log_metrics(named, step=step)

    def finish(self, model_path: str) -> None:
        """Names the model in the tag `model_path`."""
        with self._unless_lost("at the end"):
            self._mlflow.set_tag("model_path", model_path)
            self._mlflow.end_run()

    def fail(self) -> None:
        """The run shows as failed."""
        with self._unless_lost("at the end"):
            self._mlflow.end_run("FAILED")

    @contextlib.contextmanager
    def _unless_lost(self, when: str) -> Iterator[None]:
        try:
            yield
        except self._mlflow.MlflowException as error:
            if not self._lost:
                _LOG.warning(
                    "MLflow took nothing %s and may lack what follows (%s); "
                    "TensorBoard's files have all of it",
                    when,
                    _first_line(error),
                )
            self._lost = True


class WandbTracker:
    """A run where WANDB_MODE, WANDB_PROJECT, WANDB_DIR and the rest say.

    W&B sends from a process of its own and waits for no answer.
    """

    def __init__(self, params: Mapping[str, str]) -> None:
        import wandb

        project = os.environ.get("WANDB_PROJECT", PROJECT)
        try:
            self._run = wandb.init(project=project, config=dict(params))
        except wandb.Error as error:
            raise UserError(
                f"trainer.tracking: W&B began no run ({_first_line(error)}); set "
                "WANDB_API_KEY or WANDB_MODE=offline, or trainer.tracking=[]"
            ) from error

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """One row of the run's history."""
        self._run.log(dict(values), step=step)

    def finish(self, model_path: str) -> None:
        """Names the model in the run's summary."""
        self._run.summary["model_path"] = model_path
        self._run.finish()

    def fail(self) -> None:
        """The run shows as failed."""
        self._run.finish(exit_code=1)


TRACKERS: dict[str, type[MlflowTracker] | type[WandbTracker]] = {
    "mlflow": MlflowTracker,
    "wandb": WandbTracker,
}


def require_trackers(names: Sequence[str]) -> None:
    """Raise UserError if the package of one of `trainer.tracking` is not installed."""
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise UserError(
                f"trainer.tracking has {name!r}, whose package is not installed: "
                f"pip install '.[{name}]' in the checkout, or set trainer.tracking=[]"
            )


@contextlib.contextmanager
def tracked(
    names: Sequence[str], config: Mapping[str, Any], model_path: str
) -> Iterator[list[Tracker]]:
    """A run of each named service, with the config's leaves as parameters.

    It ends with the path of the model; an exception inside marks it as failed.
    """
    require_trackers(names)
    params = dict(_leaves(config))
    trackers: list[Tracker] = []
    try:
        for name in names:
            trackers.append(TRACKERS[name](params))
        yield trackers
    except BaseException:
        for tracker in trackers:
            tracker.fail()
        raise
    for tracker in trackers:
        tracker.finish(model_path)


def _leaves(tree: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(tree, Mapping) and tree:
        for name, value in tree.items():
            yield from _leaves(value, f"{path}.{name}" if path else name)
    else:
        yield path, str(tree)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]
