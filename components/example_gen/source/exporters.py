"""Who wrote an annotation, by the marks that exporters leave in it.

Each mark is from an export that was made with the tool, or from its source
(tests/components/example_gen/source/test_exporters.py names the versions).
"""

from xml.etree import ElementTree

VOC, SUPERVISION, LABELIMG = "VOC's own", "supervision", "labelImg"
# Whose corners count from 1; all others that are known count from 0, and labelImg then
# writes 1 for a minimum of 0.
ONE_BASED = frozenset({VOC, SUPERVISION})
# Annotations that `voc-pipeline labels` mended -> how the data set that they are of
# counts, as was decided before, or they would take its marks away.
MENDED = {
    f"voc-pipeline, corners {corners}": corners
    for corners in ("one_based", "zero_based", "zero_based_inclusive", "labelimg")
}


def exporter_of(root: ElementTree.Element) -> str:
    """Name of the exporter; "" where nothing gives it away."""
    source, owner = root.find("source"), root.find("owner")
    database = _text(source, "database")
    return _by_texts(
        folder=_text(root, "folder"),
        database=database,
        annotation=_text(source, "annotation"),
        owner=_text(owner, "name"),
    ) or _by_elements(root, database)


def _text(parent: ElementTree.Element | None, tag: str) -> str:
    return "" if parent is None else (parent.findtext(tag) or "").strip()


def _by_texts(folder: str, database: str, annotation: str, owner: str) -> str:
    if database in MENDED:
        return database
    marks = {
        VOC: database.startswith("The VOC") or "PASCAL VOC" in annotation,
        SUPERVISION: (database, folder) == ("roboflow.ai", "VOC"),
        "Label Studio": owner == "Label Studio",
        "labelformat": folder == "labelformat",
        "darwin": database == "darwin",
        "Kili": database == "Kili Technology",
        "datumaro or CVAT": (database, annotation) == ("Unknown", "Unknown"),
    }
    return next((name for name, found in marks.items() if found), "")


def _by_elements(root: ElementTree.Element, database: str) -> str:
    if root.find("object/robndbox") is not None:
        return "roLabelImg"
    if database == "Unknown" and root.find("path") is not None:
        return LABELIMG
    if _is_pylabel(root):
        return "pylabel"
    if _is_fiftyone(root):
        return "FiftyOne"
    tags = [child.tag for child in root]
    if tags[:3] == ["folder", "path", "filename"] and "source" not in tags:
        return "imantics"
    polygon = root.find("object/polygon/pt") is not None
    return "LabelMe" if polygon and root.find("object/bndbox") is None else ""


def _is_fiftyone(root: ElementTree.Element) -> bool:
    """A path of its own, beside a database and a <segmented> that are empty."""
    texts = [root.findtext(path) for path in ("source/database", "segmented")]
    return texts == ["", ""] and bool(root.findtext("path"))


def _is_pylabel(root: ElementTree.Element) -> bool:
    """Its own order of corners, beside a pose that is there and empty."""
    box, pose = root.find("object/bndbox"), root.find("object/pose")
    if box is None or pose is None or pose.text:
        return False
    return [side.tag for side in box] == ["xmin", "xmax", "ymin", "ymax"]
