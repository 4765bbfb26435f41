"""Which of several processes reads: each takes its part of every batch."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Host:
    """Process `index` of the `count` that train one model together."""

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        """Refuses a place that is none."""
        if not 0 <= self.index < self.count:
            raise ValueError(f"need 0 <= index < count, got {self.index}, {self.count}")

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes."""
        return self.index == 0

    def share(self, global_batch_size: int) -> int:
        """Images of one step that this process reads; ValueError if not equal."""
        if global_batch_size % self.count:
            raise ValueError(
                f"global_batch_size {global_batch_size} is not a multiple of "
                f"{self.count} processes"
            )
        return global_batch_size // self.count

    def block(self, total: int) -> range:
        """This process's part of so many things in a row; parts differ by one."""
        return range(
            total * self.index // self.count, total * (self.index + 1) // self.count
        )


ONE_HOST = Host()
