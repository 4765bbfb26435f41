"""What a model will be judged on, known before it is trained."""

from collections.abc import Sequence

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
