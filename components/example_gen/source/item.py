"""One image to ingest, and the plan that lists them all."""

import dataclasses
import json
from typing import NamedTuple

from components.example_gen.source.finding import Finding
from components.example_gen.source.storage import Entry


class Item(NamedTuple):
    """One image to ingest; `split` "" means that its content decides."""

    image_id: str
    split: str
    annotation: Entry | None
    image: Entry | None
    unsafe: str  # why it must not be read, "" where it may
    listed: bool  # an image set names it
    unclear: str = ""  # why it is not known which image is meant, "" where it is

    @property
    def annotation_name(self) -> str:
        """Path below the data set's root; "" where there is none."""
        return self.annotation.name if self.annotation else ""

    @property
    def image_name(self) -> str:
        """Path below the data set's root; "" where there is none."""
        return self.image.name if self.image else ""

    @classmethod
    def from_json(cls, line: bytes) -> "Item":
        """Reads what `json.dumps` makes of an item: a list, its files lists too."""
        item = cls(*json.loads(line))
        annotation, image = item.annotation, item.image
        return item._replace(
            annotation=annotation and Entry(*annotation),
            image=image and Entry(*image),
        )


@dataclasses.dataclass(frozen=True)
class Plan:
    """All items in a fixed order, and what was noticed on the way."""

    items: tuple[Item, ...]
    findings: tuple[Finding, ...]
    split_source: str  # which lists or folders gave the splits; "" where none did

    @property
    def has_splits(self) -> bool:
        """Whether some of the splits are the data set's own."""
        return any(item.split for item in self.items)
