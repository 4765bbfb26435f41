"""Runs the whole pipeline on this machine: VOC data set in, pushed detector out.

Exit status: 0 pushed, 1 refused (data over its budget, the data gate, the model's gate
or the serving check, which say why), 2 bad input.
"""

import argparse
import contextlib
import dataclasses
import os
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.cli import config_options, options
from pipeline.cli.exit_status import ExitStatus
from pipeline.config import PipelineConfig, RunPaths
from schemas.user_error import UserError, user_error_in
from trainer.training.tracking import require_trackers

if TYPE_CHECKING:
    from pipeline.run.summary import RunSummary

# What the smallest run writes under its root; a larger one needs more.
_LEAST_ROOM_BYTES = 256 * 2**20


KEPT = (
    "finished stages and checkpoints are kept in {root}; the same command goes on from "
    "there"
)

_PATTERN_CHARACTERS = set("*?[]\\")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `voc-pipeline run`."""
    options.add_data_argument(parser)
    parser.add_argument(
        "--root", required=True, metavar="DIR", help="where the run keeps everything"
    )
    config_options.add_config_arguments(parser)
    options.add_beam_arguments(parser)
    options.add_span_argument(parser)
    parser.add_argument(
        "--earlier-span",
        default="",
        metavar="N",
        help="span that drift is measured against (default: the one before --span)",
    )
    parser.add_argument(
        "--push-destination",
        metavar="DIR",
        help="folder that is served (default: ROOT/served)",
    )
    options.add_result_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Runs every stage, then tells what came out."""
    from components.baseline.destination import require_pushable, require_room
    from components.example_gen.source import spans, storage
    from components.example_gen.source.digest import data_digest

    config = options.with_runner(config_options.config_from(args), args)
    require_trackers(config.trainer.tracking)
    if "://" in args.root:
        raise UserError(
            f"--root {args.root}: a run on this machine keeps its root in a local "
            "folder; --data and --push-destination may be elsewhere"
        )
    root = os.path.abspath(args.root)
    if set(root) & _PATTERN_CHARACTERS:
        raise UserError(
            f"--root {root}: TFX finds a stage's files by a pattern, in which "
            f"{' '.join(sorted(_PATTERN_CHARACTERS))} mean something else; name a "
            "folder without these"
        )
    paths = RunPaths(
        data=_absolute(args.data),
        root=root,
        push_destination=_absolute(
            args.push_destination or os.path.join(root, "served")
        ),
        span=args.span,
        earlier_span=args.earlier_span or spans.earlier_span(args.data, args.span),
    )
    if args.push_destination:
        storage.require_known_scheme(args.push_destination, "--push-destination")
    digest = data_digest(paths.data, paths.span)
    earlier = paths.earlier_span
    earlier_digest = data_digest(paths.data, earlier) if earlier else ""
    with _only_run_in(root):
        require_room(root, _LEAST_ROOM_BYTES, "--root")
        require_pushable(paths.push_destination)
        summary = _run_stages(config, paths, digest, earlier_digest, quiet=args.quiet)
    options.tell(args, dataclasses.asdict(summary), summary.as_text())
    if summary.pushed_path:
        return ExitStatus.DONE
    if args.quiet:
        sys.stderr.write(f"voc-pipeline run: not pushed: {summary.why_not_pushed()}\n")
    return ExitStatus.REFUSED


def _run_stages(
    config: PipelineConfig,
    paths: RunPaths,
    digest: str,
    earlier_digest: str,
    *,
    quiet: bool,
) -> "RunSummary":
    from pipeline.run import console

    log_path = os.path.join(
        paths.root, "logs", time.strftime("run-%Y%m%d-%H%M%S.log", time.gmtime())
    )
    if not quiet:
        sys.stderr.write(f"loading TFX (log: {log_path})\n")
    start_s = time.monotonic()
    with console.quiet_console(log_path, quiet=quiet):
        from components.baseline.served_models import baseline_identity
        from pipeline import runners
        from pipeline.run import push_ledger, run_pages
        from pipeline.run import summary as run_summary
        from pipeline.run.state import RunState, model_fingerprint
        from trainer.preflight import refuse_impossible, starting_weights_digest

        refuse_impossible(config.trainer)
        weights_digest = starting_weights_digest(config.trainer.model)
        fingerprint = model_fingerprint(config, digest, weights_digest)
        pushes = push_ledger.pushes(paths.root, fingerprint)
        state = RunState(
            data_digest=digest,
            earlier_digest=earlier_digest,
            baseline_identity=baseline_identity(
                paths.push_destination, pushes.model_digest
            ),
            weights_digest=weights_digest,
            earlier_push=pushes.told_to_the_cache(),
        )
        _refuse_hopeless(paths.push_destination, state.baseline_identity)
        with console.stage_lines(runners.metadata_path(paths.root)), _plain_errors():
            runners.run_local(config, paths, state)
        summary = run_summary.read_summary(
            runners.metadata_path(paths.root), time.monotonic() - start_s
        )
        if summary.pushed_path:
            push_ledger.record_push(
                paths.root, fingerprint, summary.pushed_path, summary.model_digest
            )
        elif summary.not_pushed:
            push_ledger.record_refusal(paths.root, fingerprint)
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
def _only_run_in(root: str) -> Iterator[None]:
    """Holds the root's lock: two runs in one metadata store would mix."""
    from components.example_gen.output.directories import locked

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


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    """Finds the user's mistake inside what Beam and TFX wrapped around it."""
    try:
        yield
    except Exception as error:
        mistake = user_error_in(error)
        if mistake is None:
            raise
        raise mistake from None
