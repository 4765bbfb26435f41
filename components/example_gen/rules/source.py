"""Rules on what was found on disk, before an image is opened."""

from typing import NamedTuple

from components.example_gen.config import IngestConfig
from components.example_gen.source.annotation import Annotation
from components.example_gen.source.item import Item
from components.example_gen.source.names import last_part

# Stands for the annotation that an image has not, where that means: no objects.
UNANNOTATED = Annotation("", None, None, None, ())


class SourceFacts(NamedTuple):
    """An item with its annotation, or with what came of reading it.

    `failure` is (kind, detail) where there is no annotation: `missing`, `unreadable`,
    `too_large`, `malformed` or `forbidden`.
    """

    item: Item
    annotation: Annotation | None
    failure: tuple[str, str] = ("", "")

    def failed(self, kind: str) -> str | None:
        """Detail of the failure if it is of that kind."""
        return self.failure[1] if self.failure[0] == kind else None


def path_unsafe(facts: SourceFacts, config: IngestConfig) -> str | None:
    """A symlink leads out of the data set (`follow_symlinks` allows it)."""
    return facts.item.unsafe or None


def listed_absent(facts: SourceFacts, config: IngestConfig) -> str | None:
    """An image set lists it, and there is neither image nor annotation."""
    item = facts.item
    if item.listed and item.annotation is None and item.image is None:
        return "listed in an image set; no file of that name, or several"
    return None


def annotation_missing(facts: SourceFacts, config: IngestConfig) -> str | None:
    """The image has no annotation file, and `unannotated` is `reject`."""
    if facts.failure[0] == "missing":
        return facts.failure[1]
    if facts.item.annotation is not None or facts.annotation is UNANNOTATED:
        return None
    return "no XML of that name"


def image_ambiguous(facts: SourceFacts, config: IngestConfig) -> str | None:
    """Which image is meant cannot be told: there are several, or another has it."""
    return facts.item.unclear or None


def image_missing(facts: SourceFacts, config: IngestConfig) -> str | None:
    """The annotation has no image file."""
    return "no image of that name" if facts.item.image is None else None


def annotation_unreadable(facts: SourceFacts, config: IngestConfig) -> str | None:
    """The annotation file cannot be read from disk."""
    return facts.failed("unreadable")


def annotation_too_large(facts: SourceFacts, config: IngestConfig) -> str | None:
    """The annotation file is larger than `max_file_bytes`."""
    return facts.failed("too_large")


def annotation_lfs_pointer(facts: SourceFacts, config: IngestConfig) -> str | None:
    """The annotation is a git-lfs pointer, not the file; `git lfs pull` fetches it."""
    return facts.failed("lfs_pointer")


def xml_malformed(facts: SourceFacts, config: IngestConfig) -> str | None:
    """The annotation is not well-formed XML, or an empty file."""
    return facts.failed("malformed")


def xml_forbidden(facts: SourceFacts, config: IngestConfig) -> str | None:
    """The annotation declares entities (XML bombs, external files)."""
    return facts.failed("forbidden")


def not_voc(facts: SourceFacts, config: IngestConfig) -> str | None:
    """The XML is no VOC annotation: another root element, and no objects."""
    annotation = facts.annotation
    if annotation is None or annotation is UNANNOTATED or annotation.objects:
        return None
    if annotation.root_tag == "annotation":
        return None
    return f"root element <{annotation.root_tag}>"


def unannotated_negative(facts: SourceFacts, config: IngestConfig) -> str | None:
    """No annotation file and `unannotated: negative`; a negative image."""
    return "no XML of that name" if facts.annotation is UNANNOTATED else None


def filename_path(facts: SourceFacts, config: IngestConfig) -> str | None:
    """<filename> is a path; its last part is used."""
    name = facts.annotation.filename if facts.annotation else None
    return f"<filename> {name}" if name and last_part(name) != name else None


def filename_disagrees(facts: SourceFacts, config: IngestConfig) -> str | None:
    """<filename> is absent or not the image's; the file's own name is used."""
    if facts.annotation is None or facts.annotation is UNANNOTATED:
        return None
    real = facts.item.image_name.rpartition("/")[2]
    name = facts.annotation.filename
    if name and last_part(name) == real:
        return None
    return f"<filename> {name or 'absent'}, file {real}"


def tag_spelling(facts: SourceFacts, config: IngestConfig) -> str | None:
    """Tags with capitals or a namespace; read as VOC's."""
    odd = facts.annotation.odd_tags if facts.annotation else ()
    return ", ".join(f"<{tag}>" for tag in odd[:6]) or None


def depth_absent(facts: SourceFacts, config: IngestConfig) -> str | None:
    """<size> has no <depth>; nothing depends on it."""
    annotation = facts.annotation
    if annotation is None or annotation.size is None or annotation.depth:
        return None
    return "no <depth>"


def _lacking(facts: SourceFacts, field: str) -> str | None:
    objects = facts.annotation.objects if facts.annotation else ()
    lacking = sum(1 for item in objects if not getattr(item, field))
    return f"{lacking} of {len(objects)} objects" if lacking else None


def difficult_absent(facts: SourceFacts, config: IngestConfig) -> str | None:
    """Objects without <difficult>; taken as 0."""
    return _lacking(facts, "difficult")


def truncated_absent(facts: SourceFacts, config: IngestConfig) -> str | None:
    """Objects without <truncated>; taken as 0."""
    return _lacking(facts, "truncated")


def pose_absent(facts: SourceFacts, config: IngestConfig) -> str | None:
    """Objects without <pose>; taken as Unspecified."""
    return _lacking(facts, "pose")


def no_objects(facts: SourceFacts, config: IngestConfig) -> str | None:
    """No objects: a negative image, which is valid."""
    if facts.annotation is None or facts.annotation.objects:
        return None
    return "negative image"


def object_count(facts: SourceFacts, config: IngestConfig) -> str | None:
    """More objects in one image than `max_objects`."""
    count = len(facts.annotation.objects) if facts.annotation else 0
    return f"{count} objects" if count > config.max_objects else None
