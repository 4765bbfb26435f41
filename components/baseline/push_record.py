"""What is written beside a pushed model: where it came from and who judged it."""

import dataclasses
import json
from typing import Any, TypedDict

from apache_beam.io.filesystems import FileSystems

from components.baseline.folders import inside
from components.baseline.json_record import read_json_record

RECORD_FILE = "assets.extra/push.json"
# The images it was judged on, with what it found in them
# (components/evaluator/judged_images.py).
JUDGED_FILE = "assets.extra/judged.npz"
# Written when a model is pushed: no part of the model that was judged.
BESIDE_THE_MODEL = (RECORD_FILE, JUDGED_FILE)
# In the model, and of no use to a server: a line an image (trainer/run_fn.py).
NOTES = ("assets.extra/learned_from.txt",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PushRecord:
    """Where a served version came from.

    Attributes:
      fingerprint: digest of the data, code and configuration of the run.
      judged_against: identity of the version that served when it was judged, or "".
      model_digest: of the files of the model that was copied.
      metrics: split -> `AP` and `AP50` there; None where it had no number.
      verdict: of the gate: `blessed`, `reasons`, `split`, `compared`.
      serving: what the serving check measured, and its budgets.
      score_thresholds: the best least scores, as the Evaluator found them.
      origin: data set, span, digests and config of the run, by name.
      pushed_at: UTC, ISO 8601; `pushed_by`: user and machine.
      copy_of: the version that this one brings back, or None.
      because: of whoever pushed it by hand, against the verdict; else "".
      promotion: of a version that was promoted: `from` (its path), `because`, and the
        `verdict` against what served until then.
    """

    fingerprint: str
    judged_against: str
    model_digest: str
    metrics: dict[str, dict[str, float | None]] = dataclasses.field(
        default_factory=dict
    )
    verdict: dict[str, Any] = dataclasses.field(default_factory=dict)
    serving: dict[str, Any] = dataclasses.field(default_factory=dict)
    score_thresholds: dict[str, Any] = dataclasses.field(default_factory=dict)
    origin: dict[str, Any] = dataclasses.field(default_factory=dict)
    pushed_at: str = ""
    pushed_by: str = ""
    copy_of: int | None = None
    because: str = ""
    promotion: dict[str, Any] = dataclasses.field(default_factory=dict)

    def to_json(self) -> str:
        """This record as JSON, keys sorted."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, indent=1)


class _Outcome(TypedDict):
    rule: str
    passed: bool
    reason: str


class _Verdict(TypedDict, total=False):
    blessed: bool
    reasons: list[str]
    split: str
    outcomes: list[_Outcome]


class _Budget(TypedDict):
    reason: str


class _Serving(TypedDict, total=False):
    ms_per_image: float | None
    memory_mib: float | None
    size_mib: float | None
    ms_ratio: float | None
    size_ratio: float | None
    budgets: list[_Budget]


class _Thresholds(TypedDict, total=False):
    overall: float | None
    by_class: dict[str, float | None]


class _Gate(TypedDict, total=False):
    slices: list[dict[str, Any]]


class _Origin(TypedDict, total=False):
    data: str
    span: str
    window: list[str]
    data_digest: str
    code_digest: str
    ingest: dict[str, Any]
    trainer: dict[str, Any]
    gate: _Gate
    serving_check: dict[str, Any]


_Promotion = TypedDict(  # `from` is no name of Python's
    "_Promotion", {"from": str, "because": str, "verdict": _Verdict}, total=False
)


class _Kinds(TypedDict, total=False):
    """What this program reads inside a record's fields."""

    verdict: _Verdict
    serving: _Serving
    score_thresholds: _Thresholds
    origin: _Origin
    promotion: _Promotion


def read_record(version_path: str) -> PushRecord | None:
    """The record of a version; None where none was written.

    Fields that this program does not know, of a newer one, are left out. Raises
    UserError where the file is damaged.
    """
    path = inside(version_path, RECORD_FILE)
    if not FileSystems.exists(path):
        return None
    remedy = "restore it, or delete it and the version counts as one of unknown origin"
    return read_json_record(PushRecord, path, remedy, _Kinds)
