"""How the exported model is asked before anything serves it."""

import dataclasses

from schemas.config_rules import refuse_unless


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServingCheckConfig:
    """On what the model is asked, and what it may take.

    Attributes:
      images: how many eval images, of as many sizes as there are; beside them go a gray
        one, one that EXIF turns, a black one and a file that is no image.
      timeout_s: for loading the model and answering everything.
      max_ms_per_image: budget of one image alone on this machine's CPU, or None.
      max_memory_mib: budget of the process that asks, or None.
      max_size_mib: budget of the export's files, or None.
      max_ms_ratio: how many times the served model's time per image it may take, both
        asked in turns by one process; None: they are not measured together.
      max_size_ratio: how many times the served model's size it may have, or None.
    """

    images: int = 4
    timeout_s: int = 900
    max_ms_per_image: float | None = None
    max_memory_mib: float | None = None
    max_size_mib: float | None = None
    max_ms_ratio: float | None = None
    max_size_ratio: float | None = None

    def __post_init__(self) -> None:
        """Refuses a check of nothing."""
        refuse_unless(self.images >= 1, "images >= 1", self.images)
        for name in (
            *("timeout_s", "max_ms_per_image", "max_memory_mib", "max_size_mib"),
            *("max_ms_ratio", "max_size_ratio"),
        ):
            value = getattr(self, name)
            if value is not None:
                refuse_unless(value > 0, f"{name} > 0", value)
