"""Converts a served model to TensorFlow Lite, for devices.

Writes model.tflite (builtin operations only, one letterboxed frame at a time, boxes in
the frame's pixels) and label_map.txt (one class per line, in id order).
"""

import argparse
import os
from pathlib import Path

from pipeline.cli import options
from pipeline.run import console
from schemas.label_map import LABEL_MAP_FILENAME
from schemas.user_error import UserError

MODEL_FILENAME = "model.tflite"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `voc-pipeline export-tflite`."""
    parser.add_argument(
        "model", metavar="MODEL", help="folder of saved_model.pb: ROOT/served/VERSION"
    )
    parser.add_argument(
        "--output", required=True, metavar="DIR", help="folder, made where absent"
    )
    options.add_result_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Writes the two files; bad input raises UserError."""
    if not os.path.isfile(os.path.join(args.model, "saved_model.pb")):
        raise UserError(
            f"{args.model} holds no saved_model.pb; give a model that a run exported, "
            "such as ROOT/served/VERSION"
        )
    output = Path(args.output)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"--output {args.output} cannot be made: {error.strerror}"
        ) from error

    with console.quiet_libraries():
        from trainer.serving.tflite import convert_to_tflite

        flatbuffer, label_map = convert_to_tflite(args.model)
    (output / MODEL_FILENAME).write_bytes(flatbuffer)
    label_map.to_file(output / LABEL_MAP_FILENAME)
    written = {"output": args.output, "bytes": len(flatbuffer)}
    options.tell(
        args,
        written,
        f"wrote {output / MODEL_FILENAME} ({len(flatbuffer):,} bytes, "
        f"{len(label_map)} classes)\n",
    )
    return 0
