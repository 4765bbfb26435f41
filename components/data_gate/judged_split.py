"""What a model will be judged on, known before it is trained."""

from collections.abc import Collection, Sequence

from schemas.did_you_mean import did_you_mean
from schemas.user_error import UserError

AUTO, TEST, EVAL = "auto", "test", "eval"


def judged_split(wanted: str, names: Sequence[str]) -> str:
    """The split that `gate.split` means, of those that the examples have.

    Raises UserError where it names one that they lack.
    """
    if wanted == AUTO:
        return TEST if TEST in names else EVAL
    if wanted not in names:
        raise UserError(
            f"gate.split is {wanted}, and the data have {', '.join(names)} alone; "
            f"give them a {wanted} split (an image set, or ingest.{wanted}_fraction), "
            "or set gate.split to auto"
        )
    return wanted


def require_sliced_classes(wanted: Sequence[str], known: Collection[str]) -> None:
    """Refuses, in a line, slices of the gate that no object of the data can be in."""
    for name in wanted:
        if name not in known:
            raise UserError(
                f"gate.slices has a slice of the class {name!r}; the data have "
                f"{', '.join(sorted(known))}{did_you_mean(name, known)}"
            )
