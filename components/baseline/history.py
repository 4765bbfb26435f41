"""What people and programs decided about the versions of a push destination.

DESTINATION/.history/TIME-ACTION.json, one file per decision, never changed: an object
store cannot append, and two writers do not meet.
"""

import dataclasses
import datetime
import getpass
import json
import os
import socket
import time

from components.baseline import folders
from components.baseline.json_record import read_json_record

PUSH, ROLLBACK, REJECT, BLESS = "push", "rollback", "reject", "bless"
PROMOTE = "promote"
_FOLDER = ".history"
_WITHDRAWS = (ROLLBACK, REJECT)
_REMEDY = "restore it, or delete it and that decision is forgotten"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decision:
    """One thing that was decided.

    Attributes:
      action: `push` (by a run), `bless` (pushed by a person against the verdict),
        `rollback`, `reject` or `promote`.
      version: that was pushed, rolled back or rejected, or that a promotion made.
      model_digest: of that version's files.
      because: the reason given, or "".
      who: user and machine; `when`: UTC, ISO 8601.
      serves: the version that serves since, where that changed; else None.
      serves_digest: of that version's files, or "".
      replaces: the version that served before a promotion; None where nothing did.
      replaces_digest: of that version's files, or "".
    """

    action: str
    version: int
    model_digest: str
    because: str = ""
    who: str = ""
    when: str = ""
    serves: int | None = None
    serves_digest: str = ""
    replaces: int | None = None
    replaces_digest: str = ""

    def __str__(self) -> str:
        reason = f": {self.because}" if self.because else ""
        return f"{self.action} of {self.version} by {self.who}, {self.when}{reason}"


def signed(decision: Decision) -> Decision:
    """The decision with who makes it, and when."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return dataclasses.replace(decision, who=me(), when=now)


def write_down(destination: str, decision: Decision) -> None:
    """Adds a signed decision to the history."""
    name = f"{time.time_ns():020d}-{decision.action}.json"
    text = json.dumps(dataclasses.asdict(decision), indent=1)
    path = folders.inside(destination, f"{_FOLDER}/{name}")
    folders.write_file(path, text.encode())


def decisions(destination: str) -> list[Decision]:
    """All decisions, oldest first.

    Fields of a newer program are left out. Raises UserError where one is damaged.
    """
    folder = folders.inside(destination, _FOLDER)
    if folders.is_local(folder) and not os.path.isdir(folder):
        return []
    names = [n for n in folders.files_below(folder) if n.endswith(".json")]
    return [
        read_json_record(Decision, folders.inside(folder, name), _REMEDY)
        for name in sorted(names)
    ]


def withdrawn(destination: str) -> dict[str, Decision]:
    """Digests of the models that are not to serve -> the decision that says so.

    A model that a person blessed, promoted, or went back to, after it was withdrawn is
    welcome again.
    """
    return {
        digest: decision
        for digest, decision in not_to_push(destination).items()
        if decision.action in _WITHDRAWS
    }


def not_to_push(destination: str) -> dict[str, Decision]:
    """As `withdrawn`, with the models that a promotion replaced.

    Those are good models, that a person may go back to; but a run that made one must
    not undo the promotion.
    """
    found: dict[str, Decision] = {}
    for decision in decisions(destination):
        if decision.action in _WITHDRAWS:
            found[decision.model_digest] = decision
            found.pop(decision.serves_digest, None)
        elif decision.action in (BLESS, PROMOTE):
            found.pop(decision.model_digest, None)
            if decision.replaces_digest:
                found.setdefault(decision.replaces_digest, decision)
    return found


def me() -> str:
    """Who runs this program: user@machine."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
