"""Images of an evaluation as files, so that what Beam combines are their names.

All images of a split have one key. A runner may hold what belongs to a key as one
record: Flink's batch translation makes a list of it, which has to fit into a part of
what a task manager sorts in. So an accumulator carries the names of files and no image.
"""

import dataclasses
import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator

from apache_beam.io.filesystems import FileSystems

from components.evaluator.coco_combine import ScoredImage
from components.evaluator.image_columns import ImageColumns


@dataclasses.dataclass(frozen=True)
class ImageFiles:
    """Files of `ImageColumns` in one folder, each named by its content.

    Attempts at the same images leave the same file, or others that nobody names.

    Attributes:
      folder: that every worker sees, on any file system of Beam's.
    """

    folder: str

    def keep(self, columns: ImageColumns) -> str:
        """Writes the columns; their name in the folder."""
        content = columns.to_bytes()
        name = f"{hashlib.sha256(content).hexdigest()}.npz"
        path = FileSystems.join(self.folder, name)
        if not FileSystems.exists(path):
            if not FileSystems.exists(self.folder):
                _make_folder(self.folder)
            unfinished = f"{path}.{uuid.uuid4().hex}.partial"
            with FileSystems.create(
                unfinished, compression_type="uncompressed"
            ) as sink:
                sink.write(content)
            FileSystems.rename([unfinished], [path])
        return name

    def read(self, names: Iterable[str]) -> ImageColumns:
        """All images of the files."""
        return ImageColumns.merge(columns for columns, _ in self.read_each(names))

    def read_each(self, names: Iterable[str]) -> Iterator[tuple[ImageColumns, str]]:
        """The images of each file, once, and its name.

        No files at all are one part without images, and without a name.
        """
        distinct = sorted(set(names))
        for name in distinct:
            path = FileSystems.join(self.folder, name)
            with FileSystems.open(path, compression_type="uncompressed") as source:
                yield ImageColumns.from_bytes(source.read()), name
        if not distinct:
            yield ImageColumns.of_images([]), ""


def _make_folder(folder: str) -> None:
    """Makes a folder that another worker may have made meanwhile."""
    try:
        FileSystems.mkdirs(folder)
    except OSError:
        if not FileSystems.exists(folder):
            raise


@dataclasses.dataclass
class KeptImages:
    """What a CombineFn has seen: names of files, and images that are in none yet."""

    names: tuple[str, ...] = ()
    images: list[ScoredImage] = dataclasses.field(default_factory=list)

    def closed(self, files: ImageFiles) -> "KeptImages":
        """The same with all images in files."""
        if not self.images:
            return self
        name = files.keep(ImageColumns.of_images(self.images))
        return KeptImages((*self.names, name))

    def to_bytes(self) -> bytes:
        """The names; ValueError where an image is in no file yet."""
        if self.images:
            raise ValueError(f"{len(self.images)} images are in no file")
        return json.dumps(sorted(set(self.names))).encode()
