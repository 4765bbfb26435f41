"""One run on this machine: what must hold before it, its stages, what it came to."""

import contextlib
import dataclasses
import os
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.beam.engine_there import require_engine
from pipeline.config import PipelineConfig, RunPaths, digest_of
from schemas.full_disk import full_disk_in
from schemas.plain_path import PATTERN_CHARACTERS
from schemas.user_error import UserError, user_error_in

if TYPE_CHECKING:
    from pipeline.run.summary import RunSummary

# What the smallest run writes under its root; a larger one needs more.
_LEAST_ROOM_BYTES = 256 * 2**20


@dataclasses.dataclass(frozen=True)
class DataDigests:
    """Digests of the files that a run reads, as its `RunState` has them.

    Attributes:
      span: of the span that the run is about, or of the data set.
      earlier: of the span that drift is measured against, or "".
      window: of each span of the window, in its order; () without a window.
    """

    span: str
    earlier: str = ""
    window: tuple[str, ...] = ()

    @property
    def learned_from(self) -> str:
        """Of all data that the model is made from."""
        return digest_of(*self.window) if len(self.window) > 1 else self.span


def local_paths(data: str, root: str, push_destination: str | None) -> RunPaths:
    """Where a run on this machine reads and writes; the span is still to be told.

    Raises UserError for a root that TFX cannot use and a scheme that nothing reads.
    """
    from components.example_gen.source import storage

    if "://" in root:
        raise UserError(
            f"--root {root}: a run on this machine keeps its root in a local "
            "folder; --data and --push-destination may be elsewhere"
        )
    root = os.path.abspath(root)
    if set(root) & PATTERN_CHARACTERS:
        raise UserError(
            f"--root {root}: TFX finds a stage's files by a pattern, in which "
            f"{' '.join(sorted(PATTERN_CHARACTERS))} mean something else; name a "
            "folder without these"
        )
    if push_destination:
        storage.require_known_scheme(push_destination, "--push-destination")
    return RunPaths(
        data=_absolute(data),
        root=root,
        push_destination=_absolute(push_destination or os.path.join(root, "served")),
    )


@contextlib.contextmanager
def only_run_in(root: str) -> Iterator[None]:
    """Holds the root's lock: two runs in one metadata store would mix."""
    from components.example_gen.output.directories import locked

    if os.path.isfile(root):
        raise UserError(f"--root {root} is a file; name a folder")
    try:
        os.makedirs(root, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"--root {root} cannot be written ({error.strerror}); "
            "name a folder that you may write to"
        ) from error
    busy = f"another run is using --root {root}; wait for it or name another"
    with locked(os.path.join(root, ".lock"), f"--root {root}", busy):
        yield


def run_stages(
    config: PipelineConfig, paths: RunPaths, digests: DataDigests, *, quiet: bool
) -> "RunSummary":
    """Runs every stage; whoever calls holds the root's lock (`only_run_in`).

    Raises UserError, in a line, where the user can mend it, RefusedError where the data
    are refused. A model that is refused is no error: the summary says why.
    """
    from components.baseline.destination import require_pushable, require_room
    from pipeline.run import console

    require_room(paths.root, _LEAST_ROOM_BYTES, "--root")
    require_pushable(paths.push_destination)
    require_engine(config.beam)
    log_path = os.path.join(
        paths.root, "logs", time.strftime("run-%Y%m%d-%H%M%S.log", time.gmtime())
    )
    if not quiet:
        sys.stderr.write(f"loading TFX (log: {log_path})\n")
    start_s = time.monotonic()
    with console.quiet_console(log_path, quiet=quiet):
        return _run_and_record(config, paths, digests, start_s)


def _run_and_record(
    config: PipelineConfig, paths: RunPaths, digests: DataDigests, start_s: float
) -> "RunSummary":
    from components.baseline.own_product import unrecorded_push
    from components.baseline.served_models import baseline_digest, baseline_identity
    from pipeline import runners
    from pipeline.run import (
        console,
        kept_features,
        past_runs,
        push_ledger,
        record,
        run_pages,
    )
    from pipeline.run import summary as run_summary
    from pipeline.run.state import RunState, checkpoints_name, model_fingerprint
    from trainer.preflight import refuse_impossible, starting_weights_digest

    refuse_impossible(config.trainer)
    weights_digest = starting_weights_digest(config.trainer.model)
    made_of = (config, digests.learned_from, weights_digest)
    fingerprint = model_fingerprint(*made_of)
    kept_features.forget_others(paths.root, checkpoints_name(*made_of))
    pushes = push_ledger.pushes(paths.root, fingerprint)
    made = (paths.root, paths.push_destination, fingerprint)
    own_digest = pushes.own_product(
        "" if pushes.model_digest else unrecorded_push(*made)
    )
    state = RunState(
        data_digest=digests.learned_from,
        earlier_digest=digests.earlier,
        window_digests=digests.window,
        baseline_identity=baseline_identity(paths.push_destination, own_digest),
        weights_digest=weights_digest,
        earlier_push=pushes.told_to_the_cache(),
    )
    _refuse_hopeless(paths.push_destination, state.baseline_identity)
    store_path = record.metadata_path(paths.root)
    with console.stage_lines(store_path), plain_errors():
        runners.run_local(config, paths, state)
    summary = run_summary.read_summary(store_path, time.monotonic() - start_s)
    if summary.pushed_path:
        push_ledger.record_push(
            paths.root, fingerprint, summary.pushed_path, summary.model_digest
        )
    elif summary.not_pushed:
        served = baseline_digest(paths.push_destination)
        push_ledger.record_refusal(paths.root, fingerprint, served)
    past_runs.keep_record(paths.root, summary.seconds)
    return run_pages.publish(paths.root, summary)


def _absolute(path: str) -> str:
    return path if "://" in path else os.path.abspath(path)


def _refuse_hopeless(destination: str, served_identity: str) -> None:
    """Refuses what would fail, or could not be judged, when the training is over."""
    from components.baseline.served_detector import require_comparable
    from components.baseline.served_models import find

    served = find(destination, served_identity) if served_identity else None
    if served:
        require_comparable(served)


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Finds the user's mistake, or a full disk, in what Beam and TFX wrapped around."""
    try:
        yield
    except Exception as error:
        mistake = user_error_in(error) or full_disk_in(error)
        if mistake is None:
            raise
        raise mistake from None
