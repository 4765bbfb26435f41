import json
import warnings

import pytest
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring
from PIL import Image, UnidentifiedImageError

from pipeline.sample_data.defects import DEFECTS
from pipeline.sample_data.sample import SampleConfig, write_sample


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory):
    directory = tmp_path_factory.mktemp("sample") / "spoiled"
    write_sample(directory, SampleConfig(images=150, seed=0, defects=True))
    return directory


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    directory = tmp_path_factory.mktemp("sample") / "clean"
    write_sample(directory, SampleConfig(images=150, seed=0))
    return directory


@pytest.fixture(scope="module")
def truth(spoiled):
    listed = json.loads((spoiled / "defects.json").read_text("utf-8"))
    return {entry["defect"]: entry for entry in listed}


def image_of(spoiled, truth, defect, extension="jpg"):
    return spoiled / "JPEGImages" / f"{truth[defect]['image_id']}.{extension}"


def xml_of(spoiled, truth, defect):
    path = spoiled / "Annotations" / f"{truth[defect]['image_id']}.xml"
    return path.read_bytes()


def box_of(spoiled, truth, defect):
    box = fromstring(xml_of(spoiled, truth, defect)).find("object/bndbox")
    return {side.tag: side.text for side in box}


def listed(directory, split):
    path = directory / "ImageSets" / "Main" / f"{split}.txt"
    return path.read_text("utf-8-sig").split()


def test_every_defect_is_listed_once_with_an_image_of_its_own(truth):
    assert list(truth) == [defect.name for defect in DEFECTS]
    assert len({entry["image_id"] for entry in truth.values()}) == len(DEFECTS)


def test_files_that_no_defect_names_are_those_of_the_clean_sample(
    spoiled, clean, truth
):
    named = {entry["image_id"] for entry in truth.values()}
    for path in [*clean.glob("Annotations/*"), *clean.glob("JPEGImages/*")]:
        if path.stem not in named:
            relative = path.relative_to(clean)
            assert (spoiled / relative).read_bytes() == path.read_bytes()


def test_every_defect_changes_a_file(spoiled, clean, truth):
    for name, entry in truth.items():
        image_id = entry["image_id"]
        files = [f"Annotations/{image_id}.xml", f"JPEGImages/{image_id}.jpg"]
        same = all(
            (spoiled / file).is_file()
            and (spoiled / file).read_bytes() == (clean / file).read_bytes()
            for file in files
        )
        lists_only = {
            "unlisted",
            "unknown_listing",
            "listed_in_two_splits",
            "duplicate_in_split",
            "leak_between_splits",
            "crlf_image_set",
            "byte_order_mark_in_image_set",
        }
        assert same == (name in lists_only), name


@pytest.mark.parametrize(
    ("defect", "extension", "container", "mode"),
    [
        ("png_named_jpg", "jpg", "PNG", "RGB"),
        ("gif_named_jpg", "jpg", "GIF", "P"),
        ("cmyk_jpeg", "jpg", "JPEG", "CMYK"),
        ("palette_png", "png", "PNG", "P"),
        ("alpha_png", "png", "PNG", "RGBA"),
        ("upper_case_extension", "JPG", "JPEG", "RGB"),
        ("jpeg_extension", "jpeg", "JPEG", "RGB"),
    ],
)
def test_an_image_of_another_kind_is_what_its_defect_says(
    spoiled, truth, defect, extension, container, mode
):
    path = image_of(spoiled, truth, defect, extension)
    with Image.open(path) as image:
        image.load()
        assert (image.format, image.mode) == (container, mode)


def test_broken_images_break_as_their_defects_say(spoiled, truth):
    assert not image_of(spoiled, truth, "missing_image").exists()
    with pytest.raises(UnidentifiedImageError):
        Image.open(image_of(spoiled, truth, "empty_image"))
    with (
        Image.open(image_of(spoiled, truth, "truncated_jpeg")) as image,
        pytest.raises(OSError, match="truncated"),
    ):
        image.load()


def test_the_gigapixel_header_is_read_as_such(spoiled, truth):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with pytest.raises(Image.DecompressionBombError, match="2500000000 pixels"):
            Image.open(image_of(spoiled, truth, "too_many_pixels", "png"))


def test_the_orientation_tag_leaves_the_pixels_alone(spoiled, clean, truth):
    path = image_of(spoiled, truth, "exif_orientation")
    with (
        Image.open(path) as image,
        Image.open(clean / path.relative_to(spoiled)) as was,
    ):
        assert image.getexif()[0x0112] == 6
        assert image.tobytes() == was.tobytes()


@pytest.mark.parametrize("defect", ["cut_annotation", "empty_annotation"])
def test_broken_annotations_do_not_parse(spoiled, truth, defect):
    with pytest.raises(ParseError):
        fromstring(xml_of(spoiled, truth, defect))


@pytest.mark.parametrize("defect", ["xml_bomb", "external_entity"])
def test_hostile_annotations_are_refused_by_defusedxml(spoiled, truth, defect):
    with pytest.raises(DefusedXmlException):
        fromstring(xml_of(spoiled, truth, defect))


def test_renamed_ids_keep_image_annotation_and_listing_together(spoiled, truth):
    everything = listed(spoiled, "trainval") + listed(spoiled, "test")
    for defect, new_id in (
        ("non_ascii_id", "größe_{}_寸"),
        ("dots_in_id", "{}.v1.0"),
    ):
        image_id = new_id.format(truth[defect]["image_id"])
        assert (spoiled / "JPEGImages" / f"{image_id}.jpg").is_file()
        xml = (spoiled / "Annotations" / f"{image_id}.xml").read_bytes()
        assert fromstring(xml).findtext("filename") == f"{image_id}.jpg"
        assert everything.count(image_id) == 1
        assert truth[defect]["image_id"] not in everything


def test_the_lists_have_their_defects(spoiled, truth):
    splits = {split: listed(spoiled, split) for split in ("train", "val", "test")}
    double = truth["listed_in_two_splits"]["image_id"]
    assert sum(double in ids for ids in splits.values()) == 2
    leaked = truth["leak_between_splits"]["image_id"]
    where = [
        {split for split, ids in splits.items() if image_id in ids}
        for image_id in (leaked, f"{leaked}_again")
    ]
    assert len(where[0]) == len(where[1]) == 1
    assert where[0] != where[1]
    copied = truth["duplicate_in_split"]["image_id"]
    assert {copied, f"{copied}_copy"} <= set(
        splits[truth["duplicate_in_split"]["split"]]
    )
    lone = truth["unlisted"]["image_id"]
    assert not any(lone in ids for ids in splits.values())
    assert f"{truth['unknown_listing']['image_id']}_ghost" in splits["train"]
    sets = spoiled / "ImageSets" / "Main"
    assert (sets / "val.txt").read_bytes().endswith(b"\r\n\r\n")
    assert (sets / "test.txt").read_bytes().startswith(b"\xef\xbb\xbf")


def test_sizes_have_their_defects(spoiled, clean, truth):
    def size(directory, defect):
        root = fromstring(xml_of(directory, truth, defect))
        return root.findtext("size/width"), root.findtext("size/height")

    assert size(spoiled, "zero_size") == ("0", "0")
    assert size(spoiled, "missing_size") == (None, None)
    assert size(spoiled, "swapped_size") == size(clean, "swapped_size")[::-1]
    width, height = size(clean, "wrong_size")
    assert size(spoiled, "wrong_size") == (str(int(width) + 17), str(int(height) + 9))


def test_boxes_have_their_defects(spoiled, clean, truth):
    one = box_of(spoiled, truth, "one_pixel_box")
    assert (one["xmin"], one["ymin"]) == (one["xmax"], one["ymax"])
    inverted = box_of(spoiled, truth, "inverted_box")
    was = box_of(clean, truth, "inverted_box")
    assert (inverted["xmin"], inverted["xmax"]) == (was["xmax"], was["xmin"])
    assert box_of(spoiled, truth, "zero_based_box")["xmin"] == "0"
    assert box_of(spoiled, truth, "nan_coordinate")["xmin"] == "nan"
    assert box_of(spoiled, truth, "text_coordinate")["xmin"] == "left"
    assert box_of(spoiled, truth, "float_coordinates")["xmin"].endswith(".25")
    assert "ymax" not in box_of(spoiled, truth, "missing_coordinate")
    order = list(box_of(spoiled, truth, "shuffled_coordinates"))
    assert order == ["ymin", "xmax", "ymax", "xmin"]


def test_boxes_outside_the_image_are_outside_by_as_much_as_told(spoiled, truth):
    def inside(defect):
        root = fromstring(xml_of(spoiled, truth, defect))
        width = int(root.findtext("size/width"))
        box = box_of(spoiled, truth, defect)
        xmin, xmax = int(box["xmin"]), int(box["xmax"])
        assert xmax > width
        return (width - xmin + 1) / (xmax - xmin + 1)

    assert inside("box_over_the_border") >= 0.5
    assert inside("box_outside") < 0.5


def test_objects_have_their_defects(spoiled, clean, truth):
    def root(directory, defect):
        return fromstring(xml_of(directory, truth, defect))

    doubled = root(spoiled, "duplicated_box").findall("object")
    assert len(doubled) == len(root(clean, "duplicated_box").findall("object")) + 1
    assert root(spoiled, "unknown_class").findtext("object/name") == "sphere"
    assert root(spoiled, "missing_box").find("object").find("bndbox") is None
    assert root(spoiled, "part_box").findtext("object/part/name") == "middle"
    assert root(spoiled, "missing_optional_tags").find("object/pose") is None
