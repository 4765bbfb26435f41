"""Class names and their ids 0..K-1; an unknown name never passes silently."""

import dataclasses
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from schemas.user_error import UserError

LABEL_MAP_FILENAME = "label_map.txt"  # beside the Split-* folders of examples


def class_name(text: str) -> str:
    """A class name: white space of any kind and length is one blank, letters are NFC.

    Unicode has two forms of many letters, which look and mean the same: NFC and NFD.
    """
    return unicodedata.normalize("NFC", " ".join(text.split()))


@dataclasses.dataclass(frozen=True)
class LabelMap:
    """Class names in id order: id = position, no background class; Unicode's NFC."""

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        composed = tuple(unicodedata.normalize("NFC", name) for name in self.names)
        object.__setattr__(self, "names", composed)
        if len(set(self.names)) != len(self.names):
            twice = sorted({n for n in self.names if self.names.count(n) > 1})
            raise ValueError(f"a label map names each class once; twice: {twice}")
        bad = [n for n in self.names if not n.strip() or n != n.strip() or "\n" in n]
        if bad:
            raise ValueError(f"class names are one unpadded line each, got {bad}")
        object.__setattr__(self, "_ids", {n: i for i, n in enumerate(self.names)})

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._index

    @property
    def _index(self) -> dict[str, int]:
        ids: dict[str, int] = self.__dict__["_ids"]
        return ids

    def id_of(self, name: str) -> int:
        """Id of a class; an unknown one raises, naming it and the known ones."""
        if name not in self._index:
            raise UserError(
                f"class {name!r} is not in the label map, which knows: "
                f"{', '.join(self.names)}; add it there or drop those objects"
            )
        return self._index[name]

    def name_of(self, class_id: int) -> str:
        """Name of a class id; padding (-1) and ids beyond the map raise."""
        if not 0 <= class_id < len(self.names):
            raise ValueError(f"class id {class_id} is not in 0..{len(self.names) - 1}")
        return self.names[class_id]

    def to_text(self) -> str:
        """One class per line, in id order."""
        return "".join(f"{name}\n" for name in self.names)

    @classmethod
    def from_text(cls, text: str, where: str) -> "LabelMap":
        """Reads one class per line; `where` names the source in error messages."""
        # At \n alone: a name may hold what else Python takes for the end of a line.
        lines = (class_name(line) for line in text.lstrip("\ufeff").split("\n"))
        names = tuple(line for line in lines if line)
        if not names:
            raise UserError(f"{where} is empty; it holds one class per line")
        try:
            return cls(names)
        except ValueError as error:
            raise UserError(f"{where}: {error}") from error

    @classmethod
    def from_names(cls, names: Iterable[str]) -> "LabelMap":
        """The distinct names in alphabetical order."""
        return cls(tuple(sorted(set(names))))

    @classmethod
    def from_file(cls, path: str | Path) -> "LabelMap":
        """Reads a file of one class per line, on any file system that Beam knows."""
        try:
            text = _read_bytes(str(path)).decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"label map {path} cannot be read: {error}") from error
        return cls.from_text(text, f"label map {path}")

    def to_file(self, path: str | Path) -> None:
        """Writes a local file of one class per line."""
        Path(path).write_text(self.to_text(), encoding="utf-8")


def _read_bytes(path: str) -> bytes:
    if "://" not in path:
        return Path(path).read_bytes()
    # Imported only where it is needed: commands that read local files start at once.
    from apache_beam.io.filesystems import FileSystems

    with FileSystems.open(path) as file:
        return bytes(file.read())
