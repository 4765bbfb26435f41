"""Compiles the pipeline for Kubeflow Pipelines v2: the same stages, the same edges.

The pipeline root is no part of a package: KFP takes it when a run is submitted. For
Vertex AI Pipelines, --root is what a run takes that names none.
"""

import argparse
import dataclasses
import os
import sys

from pipeline.cli import config_options, options
from pipeline.config import PipelineConfig, RunPaths
from pipeline.on_kubeflow import package, vertex
from pipeline.on_kubeflow.stage_resources import KubeflowConfig
from pipeline.run import console
from schemas.user_error import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `voc-pipeline compile`."""
    config_options.add_config_arguments(parser)
    options.add_beam_arguments(parser)
    parser.add_argument("--output", required=True, help="the package: a .yaml file")
    parser.add_argument(
        "--image",
        required=True,
        help="container image that the stages run in (see kubeflow/Dockerfile)",
    )
    parser.add_argument(
        "--data",
        required=True,
        help="VOC data set as the stages see it: gs://, or a folder on a volume",
    )
    parser.add_argument(
        "--push-destination",
        required=True,
        help="folder that is served, as the stages see it",
    )
    parser.add_argument(
        "--target",
        choices=(package.KFP, package.VERTEX),
        default=package.KFP,
        help="what runs it: Kubeflow Pipelines or Vertex AI Pipelines",
    )
    parser.add_argument(
        "--root",
        metavar="GS",
        help="pipeline root on gs://, with --target vertex (default: named with a run)",
    )
    options.add_span_argument(parser)
    parser.add_argument(
        "--earlier-span",
        default="",
        metavar="N",
        help="span that drift is measured against (default: none)",
    )
    parser.add_argument(
        "--window",
        metavar="K",
        help="no part of a package (default: none); `retrain --window` learns from "
        "several spans",
    )
    options.add_result_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Writes the package."""
    config = config_options.config_from(args)
    beam = options.beam_config(args, config.beam, runs_here=False)
    config = dataclasses.replace(config, beam=beam)
    _require_possible(args, config)
    paths = RunPaths(
        data=args.data,
        root=args.root or "",
        push_destination=args.push_destination,
        span=args.span,
        earlier_span=args.earlier_span,
    )
    with console.quiet_libraries():
        from pipeline.runners import compile_kubeflow

        compile_kubeflow(config, paths, args.output, args.image, target=args.target)
    _warn(args, config.kubeflow)
    written = {"output": os.path.abspath(args.output), "pipeline": config.name}
    options.tell(args, written, f"wrote {args.output}\n")
    return 0


def _require_possible(args: argparse.Namespace, config: PipelineConfig) -> None:
    """Refuses what the target could not run, or what could not be written."""
    if args.window is not None:
        raise UserError(
            f"--window {args.window}: a package reads one span, the newest when it "
            f"runs; for several, run `voc-pipeline retrain --window {args.window}` as "
            "a CronJob (kubeflow/retrain)"
        )
    _require_spans(args)
    if args.target == package.VERTEX:
        vertex.check(config.name, _paths(args), config.kubeflow)
    elif args.root is not None:
        raise UserError(
            "--root has no place in a package: KFP takes the pipeline root when a run "
            "is submitted, and else uses the default of its own (see "
            "kubeflow/README.md)"
        )
    if not args.output.endswith((".yaml", ".yml")):
        raise UserError(
            f"--output {args.output}: name a .yaml file; KFP's API server refuses a "
            "package in JSON"
        )
    folder = os.path.dirname(os.path.abspath(args.output))
    if not os.access(folder, os.W_OK):
        raise UserError(f"--output: {folder} is no folder that can be written")
    for option in ("--data", "--push-destination"):
        package.check_store_path(option, _paths(args)[option])


def _require_spans(args: argparse.Namespace) -> None:
    """Refuses spans of data that have none, and a drift against the very span."""
    from components.example_gen.source.spans import LATEST, PLACEHOLDER

    for option, span in (("--span", args.span), ("--earlier-span", args.earlier_span)):
        if span not in ("", "0", LATEST) and PLACEHOLDER not in args.data:
            raise UserError(
                f"{option} {span}: --data {args.data} has no {PLACEHOLDER}; write that "
                "where the number stands in the path, or name no span"
            )
    spans = {
        LATEST if span in ("", LATEST) else span.lstrip("0")
        for span in (args.span, args.earlier_span)
    }
    if args.earlier_span and (PLACEHOLDER not in args.data or len(spans) == 1):
        raise UserError(
            f"--earlier-span {args.earlier_span} is --span itself; name another"
        )


def _warn(args: argparse.Namespace, config: KubeflowConfig) -> None:
    """Tells what the cluster has to see to, and what a lost pod costs."""
    for option in ("--data", "--push-destination"):
        path = _paths(args)[option]
        if "://" not in path and not config.volume_claim:
            sys.stderr.write(
                f"{option} {path} is a folder: the cluster has to mount it into every "
                "stage; --set kubeflow.volume_claim=NAME does\n"
            )
    if not config.checkpoint_root:
        sys.stderr.write(
            "checkpoints stay in the Trainer's pod: a pod that is lost trains anew; "
            "--set kubeflow.checkpoint_root=gs://BUCKET/FOLDER keeps them\n"
        )


def _paths(args: argparse.Namespace) -> dict[str, str]:
    """What stages read and write, by option."""
    return {
        "--data": args.data,
        "--push-destination": args.push_destination,
        "--root": args.root or "",
    }
