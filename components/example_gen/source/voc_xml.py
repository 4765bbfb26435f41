"""Annotation bytes -> elements with VOC's tags, whatever the encoding and the case."""

import codecs
import re
from xml.etree import ElementTree

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

_DECLARATION = re.compile(
    rb"\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._:-]+)[\"'][^>]*\?>"
)
# What is called so is mostly written with the larger set of the same family.
_SUPERSETS = {"gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932"}


class AnnotationError(Exception):
    """The bytes are no annotation; `kind` is `malformed` or `forbidden`."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


def parse(raw: bytes) -> tuple[ElementTree.Element, tuple[str, ...]]:
    """Bytes -> (root with lower-case tags without namespaces, tags written otherwise).

    Raises:
      AnnotationError: they are not XML, or not safe.
    """
    if not raw.strip():
        raise AnnotationError("malformed", "the file is empty")
    try:
        return _in_lower_case(_elements(raw))
    except DefusedXmlException as error:
        raise AnnotationError(
            "forbidden", f"entity declaration refused: {error}"
        ) from error
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        # ValueError and LookupError: the XML declaration names an encoding that
        # Python refuses or does not know, or that the bytes are not in.
        raise AnnotationError("malformed", str(error)) from error


def _elements(raw: bytes) -> ElementTree.Element:
    try:
        return _parse(raw)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        if raw[:1].isspace() and (stripped := raw.lstrip()).startswith(b"<?xml"):
            return _elements(stripped)  # as templates begin
        text = _decoded(raw)
        if text is None:
            raise
        try:
            return _parse(text.encode("utf-8"))
        except ElementTree.ParseError as second:
            raise second from error


def _parse(raw: bytes) -> ElementTree.Element:
    # Without a document type there is nothing to declare an entity in, so the plain
    # C parser (2.5 times as fast) is as safe as defusedxml; a NUL byte means UTF-16
    # or UTF-32, where the search for "<!DOCTYPE" would find nothing.
    if b"<!DOCTYPE" in raw or b"\0" in raw:
        return defusedxml.ElementTree.fromstring(raw)
    return ElementTree.fromstring(raw)


def codec_of(raw: bytes) -> str:
    """Python's name for the encoding that bytes declare, or for a larger set; UTF-8.

    LookupError where Python does not know it.
    """
    declared = _DECLARATION.match(raw)
    name = codecs.lookup(declared[1].decode("ascii")).name if declared else "utf-8"
    return _SUPERSETS.get(name, name)


def _decoded(raw: bytes) -> str | None:
    """The text where its declared encoding is one that Python knows and expat lacks."""
    declared = _DECLARATION.match(raw)
    if declared is None:
        return None
    name = codec_of(raw)
    if name in {"utf-8", "ascii"}:
        return None
    if name.startswith(("utf-16", "utf-32")):
        name = "utf-8"  # the declaration could not be read byte by byte otherwise
    return raw[declared.end() :].decode(name)


def _in_lower_case(
    root: ElementTree.Element,
) -> tuple[ElementTree.Element, tuple[str, ...]]:
    # A comment's tag is a function; expat hands none on.
    tags = {element.tag for element in root.iter()}
    odd = sorted(tag for tag in tags if tag != tag.lower() or tag.startswith("{"))
    if not odd:
        return root, ()
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2].lower()
    return root, tuple(tag.rpartition("}")[2] for tag in odd)
