"""What this pipeline root pushed, so that a push that was lost is made again."""

import json
import pathlib


def record_push(root: str, fingerprint: str, version_path: str) -> None:
    """Remembers that the model of this fingerprint was pushed to `version_path`."""
    pushes = _read(root) | {fingerprint: version_path}
    path = _path(root)
    aside = path.with_suffix(".tmp")
    aside.write_text(json.dumps(pushes, indent=1, sort_keys=True))
    aside.replace(path)


def lost_push(root: str, fingerprint: str) -> str:
    """Where this fingerprint was pushed to, if nothing is there now; else ""."""
    version_path = _read(root).get(fingerprint, "")
    if version_path and not pathlib.Path(version_path, "saved_model.pb").exists():
        return version_path
    return ""


def _path(root: str) -> pathlib.Path:
    return pathlib.Path(root, "pushes.json")


def _read(root: str) -> dict[str, str]:
    path = _path(root)
    return json.loads(path.read_text()) if path.exists() else {}
