"""What a rule found, and where."""

import json
from typing import NamedTuple


class Finding(NamedTuple):
    """One hit of one rule; `action` says what became of the image or object."""

    image_id: str
    split: str
    object_index: int  # -1 where it is about the whole image
    reason: str
    severity: str
    action: str
    detail: str
    path: str = ""  # of the annotation or image, below the data set's root
    box: tuple[float, float, float, float] | None = None
    other: str = ""  # id of the other image, where it is about two

    def to_json(self) -> str:
        """One line for rejects.jsonl; ASCII, so any id survives."""
        return json.dumps(
            {
                "image": self.image_id,
                "split": self.split,
                "object_index": None if self.object_index < 0 else self.object_index,
                "reason": self.reason,
                "severity": self.severity,
                "action": self.action,
                "detail": self.detail,
                "path": self.path,
                "box": None if self.box is None else list(self.box),
                **({"other": self.other} if self.other else {}),
            }
        )

    @classmethod
    def from_json(cls, line: str) -> "Finding":
        """Reads to_json's line."""
        values = json.loads(line)
        index, box = values.get("object_index"), values.get("box")
        return cls(
            image_id=values["image"],
            split=values.get("split", ""),
            object_index=-1 if index is None else index,
            reason=values["reason"],
            severity=values.get("severity", ""),
            action=values["action"],
            detail=values.get("detail", ""),
            path=values.get("path", ""),
            box=None if box is None else tuple(box),
            other=values.get("other", ""),
        )
