"""Range rules that the augmentation declarations share."""


def check_probability(owner: object, probability: float) -> None:
    """ValueError unless 0 <= probability <= 1."""
    if not 0 <= probability <= 1:
        raise ValueError(
            f"{type(owner).__name__}.probability must be in 0..1, got {probability}"
        )


def check_range(
    owner: object, field: str, bounds: tuple[float, float], low: float, high: float
) -> None:
    """ValueError unless `bounds` is an ordered pair inside low..high."""
    if len(bounds) != 2 or not low <= bounds[0] <= bounds[1] <= high:
        raise ValueError(
            f"{type(owner).__name__}.{field} must be an ordered pair within "
            f"{low}..{high}, got {bounds}"
        )


def check_fraction(owner: object, field: str, value: float, high: float = 1.0) -> None:
    """ValueError unless 0 <= value <= high."""
    if not 0 <= value <= high:
        raise ValueError(
            f"{type(owner).__name__}.{field} must be in 0..{high}, got {value}"
        )
