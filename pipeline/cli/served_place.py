"""Where versions are served: what the commands about versions are told."""

import argparse
import os

from components.example_gen.source import remote
from components.example_gen.source.storage import require_known_scheme
from schemas.user_error import UserError


def add_place(parser: argparse.ArgumentParser) -> None:
    """The argument that names the place."""
    parser.add_argument(
        "place", metavar="PLACE", help="a run's --root or its --push-destination"
    )


def add_version(parser: argparse.ArgumentParser, told: str) -> None:
    """The argument that names one version, or none; its help is `told`."""
    parser.add_argument("version", metavar="VERSION", nargs="?", type=int, help=told)


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

    Raises UserError where there is no such folder, or no access to its store.
    """
    if remote.is_remote(place):
        require_known_scheme(place, "PLACE")
        remote.require_access(place, "PLACE")
        return place
    inside = os.path.join(place, "served")
    folder = inside if os.path.isdir(inside) else place
    if not os.path.isdir(folder):
        raise UserError(
            f"{place} is no folder; name a run's --root or its --push-destination, and "
            "make the folder of a new one first"
        )
    return os.path.abspath(folder)


def push_destination_of(place: str) -> str:
    """As `destination_of`, of a folder that models are or may yet be pushed to.

    Raises UserError where it holds other things and no version.
    """
    folder = destination_of(place)
    if remote.is_remote(folder):
        return folder
    names = os.listdir(folder)
    versions = (os.path.join(folder, n, "saved_model.pb") for n in names if n.isdigit())
    ours = {".lock", ".history"}.intersection(names)
    if names and not ours and not any(map(os.path.isfile, versions)):
        raise UserError(
            f"{place} is no push destination: it holds no version (VERSION/"
            "saved_model.pb); name a run's --root or its --push-destination"
        )
    return folder


def reason(text: str) -> str:
    """The text of --because; UserError where it says nothing."""
    if not text.strip():
        raise UserError("--because is empty; say why in a few words")
    return text.strip()
