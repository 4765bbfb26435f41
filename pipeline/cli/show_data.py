"""Renders what the model really sees: images before and after augmentation.

Reads a VOC directory, or what ingest wrote, through the trainer's own input pipeline
with a preset's settings, and writes one PNG. Boxes of `difficult` objects end in `?`.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from components.example_gen.source import spans
from pipeline.cli import config_options, options
from pipeline.run import console
from schemas.user_error import UserError

if TYPE_CHECKING:
    from pipeline.show_data.shown_data import ShownData


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `voc-pipeline show-data`."""
    options.add_data_argument(parser, f"{options.DATA_HELP}; or the output of ingest")
    parser.add_argument("--output", required=True, metavar="FILE", help="PNG to write")
    parser.add_argument(
        "--split", default="train", help="which, where DATA is the output of ingest"
    )
    parser.add_argument("--images", type=int, default=8, metavar="N", help="how many")
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="S",
        help="of the choice of images and of their augmentation (default: %(default)s)",
    )
    config_options.add_config_arguments(parser)
    options.add_result_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Writes the gallery; bad input raises UserError."""
    if args.images < 1:
        raise UserError(f"--images must be at least 1, got {args.images}")
    if not 0 <= args.seed < 2**32:
        raise UserError(f"--seed must be at least 0 and below 2^32, got {args.seed}")
    config = config_options.config_from(args)
    folder = Path(args.output).resolve().parent
    if not folder.is_dir():
        raise UserError(f"--output {args.output}: there is no directory {folder}")
    spans.resolve(args.data)  # before TensorFlow's ten seconds

    with console.quiet_libraries():
        from pipeline.show_data import gallery, shown_data

        shown = shown_data.load(args.data, args.split, config, args.images, args.seed)
    try:
        gallery.draw(shown).save(args.output, "PNG")
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(
            f"--output {args.output} cannot be written: {reason}"
        ) from error
    _tell(args, shown)
    return 0


def _tell(args: argparse.Namespace, shown: "ShownData") -> None:
    summary = {
        "output": args.output,
        "preset": args.preset,
        "images": [
            {
                "image_id": b.image_id,
                "boxes": len(b.boxes),
                "boxes_after": len(a.boxes),
            }
            for b, a in zip(shown.before, shown.after, strict=True)
        ],
    }
    before, after = (
        sum(len(frame.boxes) for frame in frames)
        for frames in (shown.before, shown.after)
    )
    options.tell(
        args,
        summary,
        f"{args.output}: preset {args.preset}, images: {len(shown.before)}, "
        f"boxes: {before} before augmentation, {after} after\n",
    )
