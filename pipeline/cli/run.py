"""Runs the whole pipeline on this machine: VOC data set in, pushed detector out.

Exit status: 0 pushed, 1 refused (data over its budget, the data gate, the model's gate
or the serving check, which say why), 2 bad input.
"""

import argparse
import dataclasses
import sys

from pipeline import local_run
from pipeline.cli import config_options, options
from pipeline.cli.exit_status import ExitStatus
from schemas.user_error import UserError
from trainer.model.backbones.imagenet_package import require_packaged_weights
from trainer.training.tracking import require_trackers

KEPT = (
    "finished stages and checkpoints are kept in {root}; the same command goes on from "
    "there"
)


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
    from components.example_gen.source import spans
    from components.example_gen.source.digest import data_digest

    config = options.with_runner(config_options.config_from(args), args)
    require_trackers(config.trainer.tracking)
    require_packaged_weights(config.trainer.model)
    paths = dataclasses.replace(
        local_run.local_paths(args.data, args.root, args.push_destination),
        span=args.span,
        earlier_span=args.earlier_span or spans.earlier_span(args.data, args.span),
    )
    earlier = paths.earlier_span
    if earlier:
        _require_another(paths.data, paths.span, earlier)
    digests = local_run.DataDigests(
        span=data_digest(paths.data, paths.span),
        earlier=data_digest(paths.data, earlier) if earlier else "",
    )
    with local_run.only_run_in(paths.root):
        summary = local_run.run_stages(config, paths, digests, quiet=args.quiet)
    options.tell(args, dataclasses.asdict(summary), summary.as_text())
    if summary.pushed_path:
        return ExitStatus.DONE
    if args.quiet:
        sys.stderr.write(f"voc-pipeline run: not pushed: {summary.why_not_pushed()}\n")
    return ExitStatus.REFUSED


def _require_another(data: str, span: str, earlier: str) -> None:
    """Refuses a drift that is measured against the very span: it would be none."""
    from components.example_gen.source.spans import resolve

    if resolve(data, span) == resolve(data, earlier):
        raise UserError(
            f"--earlier-span {earlier} is the span that the run reads; name another, "
            "or none for the one before it"
        )
