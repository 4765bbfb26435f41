"""Which image of which shard does not decode, where a stage ends over one."""

import contextlib
from collections.abc import Iterator, Sequence

import tensorflow as tf

from schemas.tf_example import decode_example
from schemas.user_error import UserError
from trainer.image.letterbox import decode_image
from trainer.input.records import find_files, read_records


@contextlib.contextmanager
def undecodable_named(*file_patterns: str | Sequence[str]) -> Iterator[None]:
    """Turns a decoder's error into a UserError that names the image and its shard.

    An operation of a graph knows neither, so the shards are read again; an error that
    none of their images explains passes as it is.
    """
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        _name_undecodable(file_patterns, error)
        raise


@contextlib.contextmanager
def undecodable_named_after_beam(*file_patterns: str | Sequence[str]) -> Iterator[None]:
    """The same for what a pipeline raises: of a decoder's error, only text is left."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        _name_undecodable(file_patterns, error)
        raise


def _name_undecodable(
    file_patterns: Sequence[str | Sequence[str]], error: Exception
) -> None:
    for patterns in file_patterns:
        for name in find_files(patterns):
            found = _first_undecodable(name)
            if found:
                raise UserError(found) from error


def _first_undecodable(name: str) -> str:
    """What to say of a shard's first image that does not decode; "" if all do."""
    for record in read_records([name], parallel_files=1).as_numpy_iterator():
        example = decode_example(record)
        try:
            decode_image(tf.constant(example.encoded_image))
        except tf.errors.InvalidArgumentError as error:
            said = error.message.partition("}} ")[2] or error.message
            return (
                f"image {example.image_id!r} in {name} does not decode "
                f"({said.splitlines()[0].partition(' [Op:')[0]}): run the ingest stage "
                "again, or leave the image out of the data set"
            )
    return ""
