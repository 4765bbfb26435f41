"""Compiles the pipeline for Kubeflow Pipelines v2: the same stages, the same edges."""

import argparse
import json
import os
import sys

from pipeline import presets
from pipeline.config import RunPaths
from schemas.user_error import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `voc-pipeline compile`."""
    presets.add_arguments(parser)
    parser.add_argument("--output", required=True, help="pipeline.yaml or .json")
    parser.add_argument(
        "--image",
        default="voc-pipeline:latest",
        help="container image that the stages run in (see kubeflow/Dockerfile)",
    )
    parser.add_argument(
        "--data", default="/data/voc", help="VOC data set as the stages see it"
    )
    parser.add_argument(
        "--root", default="/data/pipeline-root", help="pipeline root, as they see it"
    )
    parser.add_argument(
        "--push-destination", help="folder that is served (default: ROOT/served)"
    )
    parser.add_argument("--span", default="", help="span of a pattern: 7 or latest")
    parser.add_argument(
        "--earlier-span", default="", help="span that drift is measured against"
    )
    parser.add_argument("--json", action="store_true", help="print what was written")


def run(args: argparse.Namespace) -> int:
    """Writes the package."""
    config = presets.config_from(args)
    if not args.output.endswith((".yaml", ".yml", ".json")):
        raise UserError(f"--output {args.output}: name a .yaml or .json file")
    folder = os.path.dirname(os.path.abspath(args.output))
    if not os.access(folder, os.W_OK):
        raise UserError(f"--output: {folder} is no folder that can be written")
    root = args.root.rstrip("/")
    paths = RunPaths(
        data=args.data,
        root=root,
        push_destination=args.push_destination or f"{root}/served",
        span=args.span,
        earlier_span=args.earlier_span,
    )
    from pipeline.runners import compile_kubeflow

    compile_kubeflow(config, paths, args.output, args.image)
    if args.json:
        written = {"output": os.path.abspath(args.output), "pipeline": config.name}
        sys.stdout.write(json.dumps(written) + "\n")
    else:
        sys.stdout.write(f"wrote {args.output}\n")
    return 0
