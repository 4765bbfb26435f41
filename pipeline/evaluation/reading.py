"""How a VOC data set is read for a version: as the data that it was trained on."""

import dataclasses
from typing import Any

from components.baseline.push_record import read_record
from components.example_gen.config import READING, IngestConfig
from schemas.config_json import from_mapping, to_mapping
from schemas.user_error import UserError

_LIMITS = ("max_objects", "max_pixels", "max_file_bytes")
_DEFAULTS = to_mapping(IngestConfig())


@dataclasses.dataclass(frozen=True)
class Reading:
    """How ingest reads, and who says so.

    Attributes:
      config: of ingest; of its splits and budgets nothing is meant.
      source: in words.
    """

    config: IngestConfig = IngestConfig()
    source: str = "by ingest's defaults"

    def changed(self) -> dict[str, Any]:
        """Field -> value, of those that are not ingest's default."""
        values = to_mapping(self.config)
        names = ("label_map", *READING, *_LIMITS)
        return {name: values[name] for name in names if values[name] != _DEFAULTS[name]}

    def __str__(self) -> str:
        """The same in a line."""
        changed = self.changed()
        settings = ", ".join(f"{name} {_shown(changed[name])}" for name in changed)
        return f"read {self.source}: {settings or 'all at their default'}"


def reading_of(model: str) -> Reading:
    """As the data that a version was trained on were read, if it tells.

    A class that only new data have is no mistake in them, so its label map is left out;
    `known_to` brings it back where unknown classes are to be dropped. Raises UserError
    where its record is damaged.
    """
    record = read_record(model)
    recorded = record.origin.get("ingest") if record else None
    if not isinstance(recorded, dict):
        return Reading(source="by ingest's defaults, since MODEL does not tell its own")
    settings = {k: recorded[k] for k in (*READING, *_LIMITS) if k in recorded}
    try:
        config = from_mapping(IngestConfig, settings, "ingest")
    except ValueError as error:
        raise UserError(
            f"{model} was trained on data that were read in a way which this program "
            f"does not know ({error}); use the release that made it"
        ) from error
    return Reading(config, "as the data of MODEL were")


def known_to(model: str, reading: Reading) -> Reading:
    """The same, where unknown classes are dropped of all but the model's classes."""
    if reading.config.unknown_class != "drop" or reading.config.label_map:
        return reading
    from components.baseline.served_detector import class_names  # brings TensorFlow

    config = dataclasses.replace(reading.config, label_map=class_names(model))
    return dataclasses.replace(reading, config=config)


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"of {len(value)} classes"
    return str(value).lower() if isinstance(value, bool) else f"{value}"
