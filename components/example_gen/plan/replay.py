"""`--replay rejects.jsonl`: only what an earlier run rejected."""

from collections.abc import Sequence

from components.example_gen.rules.rule import REJECT_IMAGE
from components.example_gen.source import storage
from components.example_gen.source.finding import Finding
from components.example_gen.source.item import Item
from schemas.user_error import UserError


def rejected_images(path: str) -> set[str]:
    """Ids of the images that a rejects.jsonl says were rejected whole."""
    try:
        with storage.open_read(path) as file:
            lines = file.read().decode("utf-8").splitlines()
        findings = [Finding.from_json(line) for line in lines if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} is no rejects.jsonl of an ingest run: {error!r}"
        ) from error
    return {item.image_id for item in findings if item.action == REJECT_IMAGE}


def only_rejected(items: Sequence[Item], path: str) -> tuple[Item, ...]:
    """The items that were rejected then.

    Images of which only an object was dropped are not among them: they were written,
    and a second time would make a duplicate.
    """
    wanted = rejected_images(path)
    if not wanted:
        raise UserError(f"{path} rejects no image; there is nothing to replay")
    chosen = tuple(item for item in items if item.image_id in wanted)
    if not chosen:
        raise UserError(f"none of the images rejected in {path} is in this data set")
    return chosen
