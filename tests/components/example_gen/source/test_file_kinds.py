"""Files that are no VOC data are called by their name."""

import pytest

from components.example_gen.source import storage
from components.example_gen.source.file_kinds import (
    AVIF,
    HEIC,
    LFS_POINTER,
    foreign_annotations,
)
from components.example_gen.source.image import sniff

POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
    b"size 12345\n"
)


def ftyp(major, *compatible):
    brands = b"".join([major, b"\0\0\0\0", *compatible])
    return (8 + len(brands)).to_bytes(4, "big") + b"ftyp" + brands + b"mdat"


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (POINTER, LFS_POINTER),
        (ftyp(b"heic", b"mif1", b"heic"), HEIC),
        (ftyp(b"mif1", b"mif1", b"heic"), HEIC),
        (ftyp(b"avif", b"mif1", b"miaf"), AVIF),
        (ftyp(b"mif1", b"mif1", b"avif"), AVIF),
        (ftyp(b"isom", b"mp42"), ""),
        (b"", ""),
    ],
)
def test_content_is_known_by_its_first_bytes(raw, kind):
    assert sniff(raw) == kind


def test_what_pillow_writes_is_known(image_bytes):
    from PIL import features

    if not features.check("avif"):
        pytest.skip("this Pillow writes no AVIF")
    assert sniff(image_bytes(fmt="AVIF")) == AVIF


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (POINTER, "image_lfs_pointer"),
        (ftyp(b"heic", b"mif1"), "image_heif"),
        (ftyp(b"avif", b"mif1"), "image_heif"),
        (b"GIF89a", "format_unsupported"),
        (b"P6\n1 1\n255\n\0\0\0", "format_unsupported"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "format_unsupported"),
    ],
)
def test_images_of_that_kind_are_rejected_by_that_name(
    reasons_of_xml, voc_xml, content, reason
):
    assert reasons_of_xml(voc_xml(), raw=content)[reason] == "reject_image"


def test_a_pointer_for_an_annotation_is_named(reasons_of_xml):
    assert reasons_of_xml(POINTER) == {"annotation_lfs_pointer": "reject_image"}


def test_images_called_heic_are_images(data_set, judge, voc_xml):
    home = data_set({"a": voc_xml("a.heic")}, {"a": None})
    (home / "JPEGImages/a.heic").write_bytes(ftyp(b"heic", b"mif1"))
    _, findings, _ = judge(home)
    assert [finding.reason for finding in findings] == ["image_heif"]


@pytest.mark.parametrize(
    ("suffix", "fmt", "kind"),
    [("ppm", "PPM", "ppm"), ("pgm", "PPM", "ppm"), ("jp2", "JPEG2000", "jpeg 2000")],
)
def test_pictures_of_rarer_formats_are_told_to_be_such(
    data_set, judge, voc_xml, image_bytes, suffix, fmt, kind
):
    home = data_set({"a": voc_xml(f"a.{suffix}")}, {"a": None})
    (home / f"JPEGImages/a.{suffix}").write_bytes(image_bytes(fmt=fmt))
    _, findings, _ = judge(home)
    assert [(finding.reason, finding.detail) for finding in findings] == [
        ("format_unsupported", f"content is {kind}")
    ]


def foreign(root):
    entries = storage.list_files(str(root))
    return foreign_annotations(entries, lambda ref: storage.read_bytes(ref, 1 << 20))


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        (
            "labels/a.txt",
            "0 .5 .5 .2 .1\n3 0.1 0.2 0.3 0.4\n",
            "labels/a.txt is YOLO's",
        ),
        ("labels/a.txt", "1 .1 .1 .9 .1 .9 .9\n", "labels/a.txt is YOLO's"),
        ("labels/a.txt", "a cat, asleep\n", ""),
        ("notes.txt", "0 .5 .5 .2 .1\n", ""),
        (
            "annotations/instances.json",
            '{"info": {}, "images": [], "annotations": [], "categories": []}',
            "annotations/instances.json is COCO's",
        ),
        ("package.json", '{"name": "x", "images": 1}', ""),
    ],
)
def test_annotations_of_other_kinds_are_named(tmp_path, image_bytes, name, text, told):
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.jpg").write_bytes(image_bytes())
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    assert foreign(tmp_path) == told
