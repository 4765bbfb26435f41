"""Draw a VOC data set to try things on.

DIR becomes what VOC2007/ is in a VOCdevkit: Annotations, JPEGImages and
ImageSets/Main. The same options write the same bytes; where DIR already holds that
very sample, nothing is written. Five classes (ball, crate, cross, ring, star).
"""

import argparse
from pathlib import Path

from pipeline.cli import options

KEPT = "{directory} is as it was before; the same command starts anew"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `sample-data`."""
    parser.add_argument("directory", metavar="DIR", type=Path, help="new or empty")
    parser.add_argument(
        "--images", type=int, default=240, metavar="N", help="how many (%(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="0 or more (%(default)s)"
    )
    parser.add_argument(
        "--size",
        type=int,
        default=320,
        metavar="PX",
        help="longest side of the largest image, 128 to 4096; objects grow with it "
        "(%(default)s)",
    )
    parser.add_argument(
        "--defects",
        action="store_true",
        help="spoil some images as real sets are, of 150 or more; DIR/defects.json "
        "lists how",
    )
    options.add_result_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Writes the sample and tells what is in it."""
    from pipeline.sample_data.sample import SampleConfig, read_marker, write_sample

    config = SampleConfig(
        images=args.images, seed=args.seed, size=args.size, defects=args.defects
    )
    written = write_sample(args.directory, config)
    told = {"directory": str(args.directory), "written": written}
    told |= read_marker(args.directory)
    options.tell(args, told, _line(told))
    return 0


def _line(told: dict[str, object]) -> str:
    done = "wrote" if told["written"] else "already there:"
    return (
        f"{done} {told['images']} images in {told['directory']} "
        f"(splits {told['splits']}, objects {told['objects']})\n"
    )
