"""Where versions are served: what the commands about versions are told."""

import argparse
import os

from schemas.user_error import UserError


def add_place(parser: argparse.ArgumentParser) -> None:
    """The argument that names the place."""
    parser.add_argument(
        "place", metavar="PLACE", help="a run's --root or its --push-destination"
    )


def add_because(parser: argparse.ArgumentParser) -> None:
    """The option that says why; whoever asks later is told."""
    parser.add_argument(
        "--because",
        required=True,
        metavar="TEXT",
        help="why; it is kept with who and when, and `voc-pipeline why` tells it",
    )


def destination_of(place: str) -> str:
    """The folder of the numbered versions.

    Raises UserError where there is no such folder.
    """
    if "://" in place:
        return place
    inside = os.path.join(place, "served")
    folder = inside if os.path.isdir(inside) else place
    if not os.path.isdir(folder):
        raise UserError(f"{place} is no folder; name a run's --root")
    return os.path.abspath(folder)


def reason(text: str) -> str:
    """The text of --because; UserError where it says nothing."""
    if not text.strip():
        raise UserError("--because is empty; say why in a few words")
    return text.strip()
