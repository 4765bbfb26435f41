"""Whether a served version, and the images it was judged on, are as recorded."""

import dataclasses
import zipfile

from apache_beam.io.filesystems import FileSystems

from components.baseline import folders
from components.baseline.push_record import JUDGED_FILE
from components.baseline.served_models import ServedModel, model_digest
from components.evaluator.judged_images import JudgedImages
from schemas.user_error import UserError


@dataclasses.dataclass(frozen=True)
class Verification:
    """What was compared, and what differs from the record.

    Attributes:
      checked: what was compared, in words.
      problems: empty where all is as it was recorded.
    """

    checked: tuple[str, ...]
    problems: tuple[str, ...]


def judged_images(model: ServedModel) -> JudgedImages | None:
    """The images that a version was judged on; None where none were kept.

    Raises UserError where their file is damaged.
    """
    path = folders.inside(model.path, JUDGED_FILE)
    if not FileSystems.exists(path):
        return None
    with FileSystems.open(path, compression_type=folders.RAW) as source:
        content = source.read()
    try:
        return JudgedImages.from_bytes(content)
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is damaged ({error}); restore it") from error


def verify(model: ServedModel) -> Verification:
    """Compares files by digest, and the numbers of the judged split to the last bit."""
    record = model.record
    if record is None:
        return Verification((), ("it was not pushed by this program: no record",))
    problems = []
    now = model_digest(model.path)
    if now != record.model_digest:
        problems.append(
            f"its files are not those that were judged (digest {now}, recorded "
            f"{record.model_digest})"
        )
    checked = [f"files {now}"]
    try:
        judged = judged_images(model)
    except UserError as error:
        return Verification(tuple(checked), (*problems, str(error)))
    if judged is None:
        checked.append("no judged images were kept")
        return Verification(tuple(checked), tuple(problems))
    summary = judged.summary()
    for name, recorded in record.metrics.get(judged.split, {}).items():
        value = summary.metrics[name] if summary else None
        value = None if value is not None and value < 0 else value
        checked.append(f"{name} {value} on {judged.split}")
        if value != recorded:
            problems.append(f"{name} on {judged.split} is {value}, recorded {recorded}")
    return Verification(tuple(checked), tuple(problems))
