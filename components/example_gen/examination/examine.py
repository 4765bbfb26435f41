"""One item through all rules: what is written of it, and what is said about it."""

import hashlib
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from PIL import Image

from components.example_gen.config import IngestConfig
from components.example_gen.examination import object_judge
from components.example_gen.rules import (
    CONTENT_RULES,
    PIXEL_RULES,
    SOURCE_RULES,
    doubts,
)
from components.example_gen.rules.box_frame import find_frame
from components.example_gen.rules.frame import declared_size
from components.example_gen.rules.geometry import box_of, reach_of
from components.example_gen.rules.image import ACCEPTED_FORMATS, ImageFacts
from components.example_gen.rules.rule import REJECT_IMAGE, Rule
from components.example_gen.rules.source import UNANNOTATED, SourceFacts
from components.example_gen.source import image as images
from components.example_gen.source import storage
from components.example_gen.source.annotation import (
    Annotation,
    AnnotationError,
    class_names,
    read_annotation,
)
from components.example_gen.source.file_kinds import is_lfs_pointer
from components.example_gen.source.finding import Finding
from components.example_gen.source.item import Item
from schemas.detection_example import DetectionExample


class Examined(NamedTuple):
    """`example` is None where the image is rejected; its objects are then dropped."""

    item: Item
    example: DetectionExample | None
    findings: tuple[Finding, ...]
    objects_in: int
    objects_repaired: int = 0
    causes: tuple[str, ...] = ()  # likely ones of the dropped objects
    ymax_is_xmin: int = 0  # in so many boxes
    doubtful: bool = False  # written, and its boxes may be those of another picture
    mark: bytes = b""  # fingerprint of what is written, where it has one


class _Examination:
    """One item on its way through the rules, in four steps, with its findings."""

    def __init__(self, item: Item, config: IngestConfig) -> None:
        self.item = item
        self.config = config
        self.findings: list[Finding] = []
        self.rejected: Examined | None = None
        self._annotation = UNANNOTATED
        self._raw = b""
        self._facts = ImageFacts(item.image_name, UNANNOTATED)
        self._opened: Image.Image | None = None
        self._luma: images.Luma | None = None

    def read_annotation(self) -> None:
        """First step: the XML, and what was found on disk."""
        source = _read_xml(self.item, self.config)
        if not self.passes(SOURCE_RULES, source) or source.annotation is None:
            self._reject(source.annotation)
        else:
            self._annotation = source.annotation

    def read_image(self) -> None:
        """Second step: the bytes of the image file, and its header."""
        if self.rejected:
            return
        raw, opened, facts = _read_content(self.item, self._annotation, self.config)
        if not self.passes(CONTENT_RULES, facts) or opened is None:
            self._reject(self._annotation)
            return
        self._raw, self._opened, self._facts = raw, opened, facts

    def decode(self) -> None:
        """Third step: the image to its end."""
        if self._opened is not None:
            self._luma, self._facts = _decode(self._raw, self._opened, self._facts)
            self._opened = None  # a whole plane

    def judge(self, known_classes: AbstractSet[str]) -> Examined:
        """Last step: sizes and objects."""
        if self.rejected:
            return self.rejected
        luma, facts = self._luma, _with_boxes(self._facts, self.config)
        if not self.passes(PIXEL_RULES, facts) or luma is None:
            return self._reject(self._annotation)
        assert facts.header  # it was opened
        assert facts.found
        size, frame = (facts.header.width, facts.header.height), facts.found.frame
        objects = self._annotation.objects
        judged = object_judge.judge_objects(
            objects, size, frame, known_classes, self.config
        )
        for hit in judged.hits:
            self.add(hit.rule, hit.detail, hit)
        fields = object_judge.to_fields(judged, size, frame)
        return Examined(
            self.item,
            self._example(facts.header, luma, fields),
            tuple(self.findings),
            objects_in=len(objects),
            objects_repaired=judged.repaired,
            causes=judged.causes,
            ymax_is_xmin=judged.ymax_is_xmin,
            doubtful=any(f.reason in doubts(self.config) for f in self.findings),
            mark=luma.mark,
        )

    def _example(
        self, header: images.Header, luma: images.Luma, fields: dict[str, Any]
    ) -> DetectionExample:
        return DetectionExample(
            image_id=self.item.image_id,
            filename=self.item.image_name.rpartition("/")[2],
            source_path=self.item.image_name,
            encoded_image=self._raw,
            image_format=header.image_format,
            width=header.width,
            height=header.height,
            sha256=hashlib.sha256(self._raw).hexdigest(),
            brightness=luma.brightness,
            contrast=luma.contrast,
            mended=self._annotation.mended,
            **fields,
        )

    def passes(self, rules: Iterable[Rule], facts: Any) -> bool:
        """Tries rules on facts; False once one of them rejects the image."""
        for rule in rules:
            detail = rule.check(facts, self.config)
            if detail is None:
                continue
            self.add(rule, detail)
            if rule.action == REJECT_IMAGE:
                return False
        return True

    def add(self, rule: Rule, detail: str, hit: Any = None) -> None:
        item = self.item
        self.findings.append(
            Finding(
                item.image_id,
                item.split,
                -1 if hit is None else hit.index,
                rule.code,
                rule.severity,
                rule.action,
                detail,
                item.annotation_name or item.image_name,
                None if hit is None else hit.box,
            )
        )

    def _reject(self, annotation: Annotation | None) -> Examined:
        count = len(annotation.objects) if annotation else 0
        self.rejected = Examined(self.item, None, tuple(self.findings), count)
        return self.rejected


def examine(
    item: Item, known_classes: AbstractSet[str], config: IngestConfig
) -> Examined:
    """Reads, decodes and judges one item. Bad data ends as findings, never raised.

    `config` says how boxes count pixels, as `plan.corners.decided` has found it.
    """
    return examine_all((item,), known_classes, config)[0]


def examine_all(
    items: Iterable[Item], known_classes: AbstractSet[str], config: IngestConfig
) -> list[Examined]:
    """`examine` of a few items, each step for all of them before the next step.

    Code and tables of a step stay in the processor's caches meanwhile: 16 images of
    VOC's size take a seventh less time than one by one.
    """
    exams = [_Examination(item, config) for item in items]
    for exam in exams:
        exam.read_annotation()
    for exam in exams:
        exam.read_image()
    for exam in exams:
        exam.decode()
    return [exam.judge(known_classes) for exam in exams]


def class_names_of(item: Item, config: IngestConfig) -> set[str]:
    """Class names in the item's annotation; none where that cannot be read."""
    if item.annotation is None or item.unsafe:
        return set()
    try:
        return class_names(storage.read_bytes(item.annotation, config.max_file_bytes))
    except (AnnotationError, storage.TooLargeError, OSError):
        return set()  # examine() will say what is wrong with it


def _read_xml(item: Item, config: IngestConfig) -> SourceFacts:
    if item.annotation is None or item.unsafe:
        negative = config.unannotated == "negative" and item.image and not item.unsafe
        return SourceFacts(item, UNANNOTATED if negative else None)
    try:
        raw = storage.read_bytes(item.annotation, config.max_file_bytes)
        return SourceFacts(item, _parsed(raw))
    except AnnotationError as error:
        return SourceFacts(item, None, (error.kind, error.detail))
    except storage.TooLargeError as error:
        return SourceFacts(item, None, ("too_large", str(error)))
    except FileNotFoundError:
        return SourceFacts(item, None, ("missing", "it vanished during the run"))
    except OSError as error:
        return SourceFacts(item, None, ("unreadable", error.strerror or str(error)))


def _parsed(raw: bytes) -> Annotation:
    if is_lfs_pointer(raw):
        raise AnnotationError("lfs_pointer", "git lfs pull")
    return read_annotation(raw)


def _read_content(
    item: Item, annotation: Annotation, config: IngestConfig
) -> tuple[bytes, Image.Image | None, ImageFacts]:
    """Bytes, opened image (header only) and facts; what went wrong is in the facts."""
    assert item.image is not None  # image_missing has rejected it otherwise
    facts = ImageFacts(item.image_name, annotation)
    try:
        raw = storage.read_bytes(item.image, config.max_file_bytes)
    except storage.TooLargeError as error:
        return b"", None, facts._replace(failure=("too_large", str(error)))
    except OSError as error:
        detail = error.strerror or str(error)
        return b"", None, facts._replace(failure=("unreadable", detail))
    if not raw:
        failure = ("header", "the file is empty")
        return raw, None, facts._replace(failure=failure)
    facts = facts._replace(content=images.sniff(raw))
    if facts.content not in ACCEPTED_FORMATS:
        return raw, None, facts
    try:
        opened = images.open_image(raw, facts.content)
    except images.ImageError as error:
        return raw, None, facts._replace(failure=("header", str(error)))
    header = images.header_of(opened, facts.content, raw)
    return raw, opened, facts._replace(header=header)


def _with_boxes(facts: ImageFacts, config: IngestConfig) -> ImageFacts:
    """Facts of an opened image -> the same with its boxes as stored pixels."""
    header = facts.header
    assert header is not None
    found = find_frame(
        (header.width, header.height),
        header.exif_orientation,
        declared_size(facts.annotation),
        config.exif_boxes,
        reach=reach_of(facts.annotation.objects),
        convention=config.convention,
    )
    boxes = [box_of(item.box, found.frame) for item in facts.annotation.objects]
    given = tuple(box for box in boxes if box is not None)
    return facts._replace(found=found, boxes=given)


def _decode(
    raw: bytes, opened: Image.Image, facts: ImageFacts
) -> tuple[images.Luma | None, ImageFacts]:
    assert facts.header is not None
    try:
        images.check_whole(raw, facts.content)
        luma = images.decode_luma(opened, facts.header.bit_depth)
        return luma, facts._replace(peak=luma.peak)
    except images.ImageError as error:
        return None, facts._replace(failure=("pixels", str(error)))
