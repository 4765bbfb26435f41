"""What a batch is asked about: pictures and TFRecords, listed and read by workers."""

import os
import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from components.baseline import folders
from components.example_gen.shards.tfrecord import TFRecordError, read_records
from components.example_gen.source import remote, storage
from pipeline.prediction.pictures import (
    SUFFIXES,
    Picture,
    PictureError,
    decode_picture,
    may_be_tfrecords,
    passed_over,
)
from schemas import example_wire, tf_example
from schemas.user_error import UserError

_PICTURE = -1  # the record of a picture that is a file of its own


class Place(NamedTuple):
    """Where an image lies; bytes, since Beam's text is UTF-8 and file names are not."""

    path: bytes
    record: int  # of a TFRecord file, from 0


class Image(NamedTuple):
    """A picture to be asked about."""

    image_id: bytes
    picture: Picture


class Unreadable(NamedTuple):
    """An image, or the rest of a file, that is left out."""

    image_id: bytes  # b"" where it is not known
    place: Place
    reason: str

    def as_json(self) -> dict[str, str | int | None]:
        """For `unreadable-*.jsonl`."""
        record = self.place.record
        return {
            "image": text(self.image_id),
            "file": text(self.place.path),
            "record": None if record == _PICTURE else record,
            "reason": self.reason,
        }


def text(name: bytes) -> str:
    """An id or a path as Python has it."""
    return name.decode("utf-8", "surrogateescape")


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def require_images(names: Iterable[str]) -> None:
    """UserError for a name at which there is nothing to ask about."""
    for name in names:
        storage.require_known_scheme(name, "IMAGE")
        if remote.is_remote(name):
            remote.require_access(name, "IMAGE")
        if folders.is_local(name) and not os.path.exists(name):
            raise UserError(f"there is no picture {name}")
        if next(files_of(name), None) is None:
            said = passed_over([name], batch=True)
            raise UserError(f"no pictures and no TFRecords in {name}{said}")


def files_of(name: str) -> Iterator[bytes]:
    """The file itself; of a folder the pictures and TFRecords in it."""
    base = os.path.basename(name)
    if folders.is_local(name):
        is_folder = os.path.isdir(name)
    else:
        is_folder = not _is_asked_about(base)
    if not is_folder:
        yield _bytes(name)
        return
    for inner in folders.files_in(name):
        if _is_asked_about(inner):
            yield _bytes(folders.inside(name, inner))


def _is_asked_about(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) or may_be_tfrecords(name)


def ids_in(path: bytes) -> Iterator[tuple[bytes, tuple[bytes, int]]]:
    """(image id, place) of every image of a file, as far as it can be read."""
    for image_id, place, _ in _encoded(path, with_pictures=False):
        if image_id:
            yield image_id, (place.path, place.record)


def later_ones(
    image_id: bytes, places: Iterable[tuple[bytes, int]]
) -> Iterator[tuple[tuple[bytes, int], bytes]]:
    """Of the places that have one image id all but the first; with the first's path."""
    first, *others = sorted(places)
    for place in others:
        yield place, first[0]


def images_in(
    path: bytes, later: dict[tuple[bytes, int], bytes]
) -> Iterator[Image | Unreadable]:
    """Every image of a file, decoded; `later` is of `later_ones`, for all files."""
    for image_id, place, encoded in _encoded(path, with_pictures=True):
        first = later.get((place.path, place.record))
        if isinstance(encoded, str):
            yield Unreadable(image_id, place, encoded)
        elif first is not None:
            said = f"{text(first)} has an image of this name: it is asked about instead"
            yield Unreadable(image_id, place, said)
        else:
            try:
                yield Image(image_id, decode_picture(encoded))
            except PictureError as error:
                yield Unreadable(image_id, place, str(error))


_Encoded = tuple[bytes, Place, bytes | str]


def _encoded(path: bytes, *, with_pictures: bool) -> Iterator[_Encoded]:
    """(id, place, file's bytes, or why there are none) of the images of a file."""
    name = text(path)
    if may_be_tfrecords(name):
        yield from _records(name)
        return
    image_id = _bytes(os.path.splitext(os.path.basename(name))[0])
    place = Place(path, _PICTURE)
    if not with_pictures:
        yield image_id, place, b""
        return
    try:
        with storage.open_read(name) as file:
            yield image_id, place, file.read()
    except OSError as error:
        yield image_id, place, str(error)


def _records(name: str) -> Iterator[_Encoded]:
    number = -1
    try:
        for number, record in enumerate(read_records(name)):
            place = Place(_bytes(name), number)
            try:
                features = example_wire.decode(record)
                image_id = bytes(features[tf_example.IMAGE_ID][0])
                yield image_id, place, bytes(features[tf_example.ENCODED][0])
            except (ValueError, LookupError) as error:
                yield b"", place, f"no tf.train.Example with an image: {error}"
    except (TFRecordError, OSError, EOFError, zlib.error) as error:  # gzip's, too
        said = f"nothing from here on can be read: {error}"
        yield b"", Place(_bytes(name), number + 1), said
