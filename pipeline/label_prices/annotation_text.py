"""The text of an annotation, edited where its elements lie; all else stays as it is."""

import copy
import re
import xml.etree.ElementTree as ET
from typing import NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import escape

from components.example_gen.source.voc_xml import AnnotationError, codec_of, parse

_DECLARATION = re.compile("\ufeff?\\s*(?:<\\?xml[^>]*\\?>)?")
# "<" to ">", the latter not inside of an attribute's value
_TAG = re.compile(rb"<(/?[^\s/>\"']+)(?:\"[^\"]*\"|'[^']*'|[^\"'>])*>")


class _Place(NamedTuple):
    """Where an element lies: from `start` to `end`, what it holds inside of that."""

    start: int
    inside: int
    inside_end: int
    end: int


class AnnotationText:
    """An annotation whose elements are looked up in `root` and edited in its text.

    `root` has the tags in lower case and is not changed by edits.
    """

    def __init__(self, text: str) -> None:
        """AnnotationError where the text is no annotation."""
        if "\0" in text:
            raise AnnotationError("malformed", "the text of UTF-16, read as UTF-8")
        found = _DECLARATION.match(text)
        self._before = found.group() if found else ""
        self._raw = text[len(self._before) :].encode()
        self.root, _ = parse(self._raw)
        places, self._tags = _places(self._raw)
        if places[0].inside == places[0].end:
            self._raw = _with_an_end_tag(self._raw, places[0])
            places, _ = _places(self._raw)
        self._places = dict(zip(self.root.iter(), places, strict=True))
        self._edits: list[tuple[int, int, bytes]] = []

    def set_text(self, element: ET.Element, text: str) -> None:
        """Another text; blanks around it stay."""
        _, start, end, _ = self._places[element]
        held = self._raw[start:end]
        start += len(held) - len(held.lstrip())
        end -= len(held) - len(held.rstrip())
        self._edits.append((start, end, escape(text).encode()))

    def remove(self, element: ET.Element) -> None:
        """Without the element and the blanks before it."""
        start, _, _, end = self._places[element]
        self._edits.append((start - len(self._blanks_before(start)), end, b""))

    def add(self, element: ET.Element) -> None:
        """One more child of the root: behind its last of this tag, else the last."""
        children = list(self.root)
        same = [child for child in children if child.tag == element.tag]
        before, *_ = [*same[-1:], *children[-1:], None]
        if before is None:
            where, blanks = self._places[self.root].inside_end, b""
        else:
            where = self._places[before].end
            blanks = self._blanks_before(self._places[children[0]].start)
        element = copy.deepcopy(element)  # the caller's own stays as it is
        for one in element.iter():
            one.tag = self._tags.get(one.tag, one.tag)
        if b"\n" in blanks:
            # the first child is one step into the root
            step = blanks.rpartition(b"\n")[2].decode()
            ET.indent(element, step, level=1)
        newline = b"\r\n" if b"\r\n" in self._raw else b"\n"
        raw = ET.tostring(element, encoding="unicode").rstrip().encode()
        self._edits.append((where, where, blanks + raw.replace(b"\n", newline)))

    def edited(self) -> str:
        """The text with all edits; none is made in what was removed."""
        parts, done = [], 0
        for start, end, raw in sorted(self._edits, key=lambda edit: edit[:2]):
            if start >= done:
                parts += [self._raw[done:start], raw]
                done = end
        return self._before + b"".join([*parts, self._raw[done:]]).decode()

    def _blanks_before(self, position: int) -> bytes:
        head = self._raw[:position]
        return head[len(head.rstrip()) :]


def text_of(raw: bytes) -> str:
    """A file's text, by which `bytes_of` gives its bytes; without what `parse` drops.

    Where the bytes would be others it is XML of the same elements. AnnotationError
    where they are no annotation.
    """
    whole = ET.tostring(parse(raw)[0], encoding="unicode")
    try:
        text = raw.decode(codec_of(raw))
        same = bytes_of(text) == raw
        read = ET.tostring(AnnotationText(text).root, encoding="unicode")
    except (AnnotationError, LookupError, UnicodeError):
        return whole
    return text if same and read == whole else whole


def bytes_of(text: str) -> bytes:
    """In the encoding that the text declares; what that lacks as references."""
    return text.encode(codec_of(text.encode()), "xmlcharrefreplace")


def _with_an_end_tag(raw: bytes, root: _Place) -> bytes:
    """The text of a root that is written as `<annotation/>`, with room in it."""
    found = _TAG.match(raw, root.start)
    assert found is not None  # or it would have no place
    opened = raw[: root.end - len(b"/>")].rstrip()
    return opened + b"></" + found[1] + b">" + raw[root.end :]


def _places(raw: bytes) -> tuple[list[_Place], dict[str, str]]:
    """Of each element in the order of their beginnings; tags by their small letters.

    Of tags with a prefix only those that may stand right in the root.
    """
    begun: list[tuple[int, int]] = []
    ended: dict[int, tuple[int, int]] = {}
    open_ones: list[int] = []
    tags: dict[str, str] = {}
    prefixes = {""}
    parser = expat.ParserCreate("utf-8")

    def begin(name: str, attributes: dict[str, str]) -> None:
        if not begun:
            declared = [one for one in attributes if one.startswith("xmlns:")]
            prefixes.update(one.removeprefix("xmlns:") for one in declared)
        start = parser.CurrentByteIndex
        open_ones.append(len(begun))
        begun.append((start, _tag_end(raw, start)))
        prefix, _, tag = name.rpartition(":")
        if prefix in prefixes:
            tags[tag.lower()] = name

    def end(name: str) -> None:
        del name
        number = open_ones.pop()
        inside = begun[number][1]
        if raw[inside - 2 : inside] == b"/>":  # it holds nothing
            ended[number] = inside, inside
        else:
            start = parser.CurrentByteIndex
            ended[number] = start, _tag_end(raw, start)

    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.Parse(raw, True)
    return [_Place(*one, *ended[number]) for number, one in enumerate(begun)], tags


def _tag_end(raw: bytes, start: int) -> int:
    found = _TAG.match(raw, start)
    assert found is not None  # expat says that a tag begins here
    return found.end()
