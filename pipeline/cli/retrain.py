"""Retrains where there is a new span: for cron, systemd and a CronJob.

Looks for a new span of --data, runs the pipeline on it or on a window of the newest
spans, and pushes what passes the gate. Where nothing is new it says so. ROOT remembers
what was done: a call that was killed is gone on with, and three failures in a row pause
the retraining until --resume.

Exit status: 0 pushed, or nothing new; 1 refused, or paused; 2 bad input; 69 an
engine is lost.
"""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pipeline import local_run
from pipeline.cli import config_options, options
from pipeline.cli.exit_status import ExitStatus
from pipeline.cli.interrupts import orderly_interrupts
from schemas.user_error import UserError
from trainer.model.backbones.imagenet_package import require_packaged_weights
from trainer.training.tracking import require_trackers

if TYPE_CHECKING:
    from pipeline.retraining.result import Result

EXIT_STATUS = {
    "pushed": ExitStatus.DONE,
    "nothing_new": ExitStatus.DONE,
    "paused": ExitStatus.REFUSED,
    "model_refused": ExitStatus.REFUSED,
    "data_refused": ExitStatus.REFUSED,
    "window_refused": ExitStatus.REFUSED,
    "outrun": ExitStatus.REFUSED,
    "bad_input": ExitStatus.BAD_INPUT,
    "unavailable": ExitStatus.UNAVAILABLE,
    "crashed": ExitStatus.CRASHED,
    "interrupted": ExitStatus.INTERRUPTED,
}
KEPT = "finished stages and checkpoints are kept in {root}; the next call goes on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `voc-pipeline retrain`."""
    options.add_data_argument(
        parser, "pattern of the spans, such as 'data/span-{SPAN}', each a VOC data set"
    )
    parser.add_argument(
        "--root", required=True, metavar="DIR", help="where every run keeps everything"
    )
    config_options.add_config_arguments(parser)
    options.add_beam_arguments(parser)
    parser.add_argument(
        "--push-destination",
        metavar="DIR",
        help="folder that is served (default: ROOT/served)",
    )
    parser.add_argument(
        "--window",
        type=_positive,
        default=1,
        metavar="K",
        help="learn from the newest K spans, and be judged on theirs",
    )
    parser.add_argument(
        "--warm-start",
        action="store_true",
        help="start from the weights of the model that serves",
    )
    parser.add_argument(
        "--leave-out",
        type=int,
        action="append",
        default=[],
        metavar="N",
        help="a span to pass over; may be given several times (default: none)",
    )
    parser.add_argument(
        "--again",
        action="store_true",
        help="the newest span once more, though it was pushed or refused",
    )
    parser.add_argument(
        "--resume", action="store_true", help="lift a pause, then go on as ever"
    )
    parser.add_argument(
        "--on-result",
        default="",
        metavar="CMD",
        help="command that gets each result as JSON on its input, or http(s) URL that "
        "it is posted to; whether that works changes no exit status (default: none)",
    )
    options.add_result_arguments(parser)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"a number from 1, got {text}")
    return number


def run(args: argparse.Namespace) -> int:
    """One call of the schedule."""
    from pipeline.retraining.on_result import check_on_result

    if args.on_result:
        check_on_result(args.on_result)
    with _told_if_it_cannot_begin(args) as told:
        return _retrain(args, told)


def _retrain(args: argparse.Namespace, told: "list[Result]") -> int:
    from pipeline.retraining.retrain import Request, retrain

    config = options.with_runner(config_options.config_from(args), args)
    require_trackers(config.trainer.tracking)
    require_packaged_weights(config.trainer.model)
    if args.warm_start and config.trainer.model.initial_model:
        raise UserError(
            "--warm-start takes the model that serves, and "
            "trainer.model.initial_model names another; leave one out"
        )
    request = Request(
        config=config,
        paths=local_run.local_paths(args.data, args.root, args.push_destination),
        window=args.window,
        warm_start=args.warm_start,
        leave_out=tuple(args.leave_out),
        again=args.again,
        resume=args.resume,
    )

    def run_stages(*of_run: Any) -> Any:
        with (
            orderly_interrupts()
        ):  # an interrupt is one, whatever a library makes of it
            return local_run.run_stages(*of_run, quiet=args.quiet)

    def tell(result: "Result") -> None:
        told.append(result)
        _tell(args, result)

    def say(line: str) -> None:
        if not args.quiet:
            sys.stderr.write(f"{line}\n")

    with local_run.only_run_in(request.paths.root):
        result = retrain(request, run_stages, tell, say)
    return EXIT_STATUS[result.outcome]


def _as_json(result: "Result") -> dict[str, Any]:
    return {**result.as_json(), "exit_status": EXIT_STATUS[result.outcome]}


def _tell(args: argparse.Namespace, result: "Result") -> None:
    """Prints a result and hands it on."""
    options.tell(args, _as_json(result), result.as_text())
    sys.stdout.flush()
    if args.quiet and EXIT_STATUS[result.outcome]:
        sys.stderr.write(f"voc-pipeline retrain: {result.as_text().splitlines()[-1]}\n")
    _hand_on(args, result)


def _hand_on(args: argparse.Namespace, result: "Result") -> None:
    from pipeline.retraining.on_result import tell_result

    failed = args.on_result and tell_result(args.on_result, _as_json(result))
    if failed:
        sys.stderr.write(f"voc-pipeline retrain: --on-result: {failed}\n")


@contextlib.contextmanager
def _told_if_it_cannot_begin(args: argparse.Namespace) -> "Iterator[list[Result]]":
    """Hands on what stops a call before anything is tried; that is no failure.

    It is printed by whoever catches the error, as of every command.
    """
    from pipeline.retraining.result import Result
    from pipeline.retraining.state import outcome_of

    told: list[Result] = []
    try:
        yield told
    except Exception as error:
        if not told:
            outcome = outcome_of(error)
            _hand_on(args, Result(outcome=outcome, text=str(error), root=args.root))
        raise
