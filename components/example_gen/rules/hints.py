"""What a user may do about a reason that costs much; reasons without a setting lack."""

from collections.abc import Sequence


def typed(field: str, value: str) -> str:
    """A setting as `ingest` takes it, and as a run does."""
    option = f"--{field.replace('_', '-')}"
    shown = option if value == "true" else f"{option} {value}"
    return f"{shown} (in a run --set ingest.{field}={value})"


_LFS = "git-lfs has not fetched the data: run git lfs pull"
HINTS = {
    "annotation_missing": (
        f"images without an XML: {typed('unannotated', 'negative')} takes them as "
        "images without objects, ignore in place of negative leaves them out"
    ),
    "xml_malformed": (
        "an XML that is not in UTF-8 must name its encoding in its first line: "
        '<?xml version="1.0" encoding="..."?>; one that is cut off, export again; & '
        "in a text is written &amp;"
    ),
    "path_unsafe": (
        f"links lead out of the data set: {typed('follow_symlinks', 'true')} reads "
        "what they lead to"
    ),
    "image_missing": (
        "annotations without their picture: unpack all of the data, or delete those "
        "whose picture is gone"
    ),
    "size_conflict": (
        "put the pictures that the boxes were drawn on, or correct <size>"
    ),
    "image_ambiguous": "several images of one name: keep the one that is annotated",
    "annotation_lfs_pointer": _LFS,
    "image_lfs_pointer": _LFS,
    "image_heif": (
        "HEIC and AVIF are not read: convert them to JPEG (magick mogrify -format "
        "jpg), before labelling, since a converter may turn the picture"
    ),
    "format_unsupported": "only JPEG and PNG are read: convert the rest",
    "not_voc": "XML of another kind: export as Pascal VOC (in CVAT: PASCAL VOC 1.1)",
    "listed_absent": "image sets list names without a file: unpack all of the data",
}


def hints_for(reasons: Sequence[str]) -> list[str]:
    """The hints there are about some reasons, each once, with the reasons it is for."""
    found: dict[str, list[str]] = {}
    for reason in reasons:
        if reason in HINTS:
            found.setdefault(HINTS[reason], []).append(reason)
    if len(reasons) == 1:
        return list(found)
    return [f"{' and '.join(codes)}: {hint}" for hint, codes in found.items()]
