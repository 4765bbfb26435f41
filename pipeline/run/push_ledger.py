"""What this pipeline root pushed: its own products, pushes lost, pushes refused."""

import dataclasses
import json
import pathlib

from schemas.user_error import UserError


@dataclasses.dataclass(frozen=True)
class Pushes:
    """What became of the models of one fingerprint.

    Attributes:
      path: of the version that was pushed last, or "".
      model_digest: of that version's files, or "".
      refused: how many pushes were refused since another model had come to serve.
      refused_beside: digest of what served at the last of them, or "".
    """

    path: str = ""
    model_digest: str = ""
    refused: int = 0
    refused_beside: str = ""

    def own_product(self, unrecorded: str) -> str:
        """Digest of the model that serves, where a run need not be judged against it.

        That is the one that was pushed last, or where that was not written down, as the
        run was killed, `unrecorded`. But a model beside which another of the same data,
        code and config was refused, such as one that another runner made, is what that
        other one is to be judged against, whoever made it.
        """
        own = self.model_digest or unrecorded
        return "" if own == self.refused_beside else own

    def told_to_the_cache(self) -> str:
        """A text that changes where a push that was reused would be wrong."""
        lost = self.path and not _is_there(self.path)
        return (f"lost {self.path} " if lost else "") + (
            f"refused {self.refused}" if self.refused else ""
        )


def pushes(root: str, fingerprint: str) -> Pushes:
    """What this root did with the models of this fingerprint."""
    return _read(root).get(fingerprint, Pushes())


def record_push(
    root: str, fingerprint: str, version_path: str, model_digest: str
) -> None:
    """Remembers that a model of this fingerprint was pushed to `version_path`."""
    refused = pushes(root, fingerprint).refused
    _write(root, fingerprint, Pushes(version_path, model_digest, refused))


def record_refusal(root: str, fingerprint: str, served_digest: str) -> None:
    """Remembers that another model serves: the next run is judged against that one."""
    refused = pushes(root, fingerprint).refused + 1
    entry = Pushes(refused=refused, refused_beside=served_digest)
    _write(root, fingerprint, entry)


def _write(root: str, fingerprint: str, entry: Pushes) -> None:
    entries = _read(root) | {fingerprint: entry}
    path = _path(root)
    aside = path.with_suffix(".tmp")
    tree = {key: dataclasses.asdict(value) for key, value in entries.items()}
    aside.write_text(json.dumps(tree, indent=1, sort_keys=True))
    aside.replace(path)


def _path(root: str) -> pathlib.Path:
    return pathlib.Path(root, "pushes.json")


def _read(root: str) -> dict[str, Pushes]:
    path = _path(root)
    if not path.exists():
        return {}
    try:
        tree = json.loads(path.read_text())
        # Earlier releases kept the path alone.
        return {
            key: Pushes(value) if isinstance(value, str) else Pushes(**value)
            for key, value in tree.items()
        }
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} is damaged ({error}); restore it, or delete it and the next run "
            "is judged against whatever serves"
        ) from error


def _is_there(version_path: str) -> bool:
    from apache_beam.io.filesystems import FileSystems

    return FileSystems.exists(FileSystems.join(version_path, "saved_model.pb"))
