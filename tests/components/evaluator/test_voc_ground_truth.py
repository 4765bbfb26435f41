"""`score` and ingest see the same objects of a data set, whatever its layout."""

import io
import tarfile

import pytest
from PIL import Image

from components.evaluator.voc_ground_truth import read_voc
from components.example_gen.config import IngestConfig
from components.example_gen.examination.examine import examine
from components.example_gen.plan.corners import decided
from components.example_gen.plan.plan import make_plan
from components.example_gen.source import storage
from schemas.boxes import to_xywh
from schemas.user_error import UserError


def voc_xml(filename, boxes, size=(100, 80), name="dog"):
    objects = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin>"
        f"<xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>"
        for a, b, c, d in boxes
    )
    width, height = size
    return (
        f"<annotation><filename>{filename}</filename><size><width>{width}</width>"
        f"<height>{height}</height></size>{objects}</annotation>"
    )


def jpeg(seed, size=(100, 80)):
    buffer = io.BytesIO()
    Image.new("RGB", size, (seed * 30 % 256, 7, 9)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def write(tmp_path):
    def go(files):
        for name, content in files.items():
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            raw = content.encode() if isinstance(content, str) else content
            path.write_bytes(raw)
        return tmp_path / "data"

    return go


def pairs(annotation, image, names):
    """Files of a pair for each name, with an object of its own."""
    files = {}
    for number, name in enumerate(names):
        box = (11 + number, 21, 50 + number, 60)
        files[annotation.format(name)] = voc_xml(f"{name}.jpg", [box])
        files[image.format(name)] = jpeg(number)
    return files


LAYOUTS = {
    "year": pairs("Annotations/{}.xml", "JPEGImages/{}.jpg", "abc"),
    "lower case": pairs("annotations/xmls/{}.xml", "images/{}.jpg", "abc"),
    "beside": pairs("{}.xml", "{}.jpg", ["a", "img 2", "c"]),
    "folders": pairs("train/{}.xml", "train/{}.jpg", "ab")
    | pairs("val/{}.xml", "val/{}.jpg", "cd"),
    "devkit": pairs("VOC2007/Annotations/{}.xml", "VOC2007/JPEGImages/{}.jpg", "ab")
    | pairs("VOC2012/Annotations/{}.xml", "VOC2012/JPEGImages/{}.jpg", "ac"),
    "lists": pairs("Annotations/{}.xml", "JPEGImages/{}.jpg", ["a", "img 2", "c"])
    | {"ImageSets/Main/train.txt": "a.jpg\nimg 2\n"},
}


def ingested(root, config=IngestConfig()):
    """(image id, class, box xywh) of every object that ingest writes."""
    plan = make_plan(
        storage.list_files(str(root)), lambda ref: storage.read_bytes(ref, 1 << 20)
    )
    config, _ = decided(plan.items, config)
    examples = [
        examine(item, frozenset({"dog"}), config).example for item in plan.items
    ]
    return sorted(
        (example.image_id, name, tuple(box))
        for example in examples
        if example is not None
        for name, box in zip(
            example.class_names, to_xywh(example.boxes).tolist(), strict=True
        )
    )


def scored(annotated):
    truths = annotated.ground_truths
    return sorted(
        (annotated.image_ids[image], annotated.class_names[kind], tuple(box))
        for image, kind, box in zip(
            truths.image, truths.class_id, truths.boxes_xywh.tolist(), strict=True
        )
    )


@pytest.mark.parametrize("files", LAYOUTS.values(), ids=LAYOUTS)
def test_the_objects_are_those_that_ingest_writes(write, files):
    home = write(files)
    annotated, told = read_voc(home)
    assert scored(annotated) == ingested(home)
    assert told == []


def test_a_tar_has_the_objects_of_its_folder(write, tmp_path):
    home = write(LAYOUTS["devkit"])
    with tarfile.open(tmp_path / "set.tar", "w") as tar:
        tar.add(home, "VOCdevkit")
    assert len(scored(read_voc(tmp_path / "set.tar")[0])) == 4


@pytest.mark.parametrize(
    ("layout", "image_set", "ids"),
    [
        ("lists", "train", ["a", "img 2"]),
        ("folders", "val", ["c", "d"]),
        ("folders", "eval", ["c", "d"]),
        ("folders", "trainval", ["a", "b", "c", "d"]),
    ],
)
def test_an_image_set_is_a_list_or_the_folders_of_a_split(
    write, layout, image_set, ids
):
    annotated, _ = read_voc(write(LAYOUTS[layout]), image_set=image_set)
    assert annotated.image_ids == ids


def test_an_image_set_of_a_devkit_is_that_of_all_years_that_have_it(write):
    home = write(
        LAYOUTS["devkit"]
        | {
            "VOC2007/ImageSets/Main/test.txt": "b\n",
            "VOC2012/ImageSets/Main/dog_val.txt": "a -1\nc 1\n",
        }
    )
    assert read_voc(home, image_set="test")[0].image_ids == ["b"]
    assert read_voc(home, image_set="dog_val")[0].image_ids == ["a", "c"]


def test_a_set_that_is_not_there_names_those_that_are(write):
    with pytest.raises(UserError, match=r"no image set val.txt.*lists train and the"):
        read_voc(write(LAYOUTS["lists"]), image_set="val")


def test_what_ingest_drops_and_can_be_scored_is_scored_and_told(write):
    boxes = [(11, 21, 50, 60), (5, 5, 5, 5), (91, 1, 130, 20), (60, 9, 20, 30)]
    files = {"Annotations/a.xml": voc_xml("a.jpg", boxes), "JPEGImages/a.jpg": jpeg(1)}
    home = write(
        files | {"Annotations/b.xml": "<annotation", "JPEGImages/b.jpg": jpeg(2)}
    )
    annotated, told = read_voc(home)
    # 1-based inclusive corners; three quarters of the third lie outside 100 pixels
    assert scored(annotated) == [
        ("a", "dog", (4.0, 4.0, 1.0, 1.0)),
        ("a", "dog", (10.0, 20.0, 40.0, 40.0)),
        ("a", "dog", (90.0, 0.0, 40.0, 20.0)),
    ]
    assert told == [
        "objects scored that ingest drops: box_too_small 1, box_outside 1",
        "objects not scored, as in ingest: box_inverted 1",
        "images not scored, as in ingest: xml_malformed 1",
    ]


def test_boxes_of_resized_pictures_are_in_the_frame_of_ingest(write):
    home = write(
        {
            "Annotations/a.xml": voc_xml("a.jpg", [(11, 21, 50, 60)]),
            "JPEGImages/a.jpg": jpeg(1, (200, 160)),
        }
    )
    assert scored(read_voc(home)[0]) == [("a", "dog", (20.0, 40.0, 80.0, 80.0))]
    assert scored(read_voc(home)[0]) == ingested(home)


def test_a_size_of_another_shape_is_told_with_the_image_and_both_sizes(write):
    home = write(
        LAYOUTS["year"]
        | {"Annotations/b.xml": voc_xml("b.jpg", [(11, 21, 50, 60)], size=(300, 80))}
    )
    annotated, told = read_voc(home)
    assert annotated.image_ids == ["a", "b", "c"]
    assert [image_id for image_id, _, _ in ingested(home)] == ["a", "c"]
    assert told == [
        "images scored that ingest rejects: size_conflict 1; size_conflict: "
        "b: <size> 300x80, decoded 100x80"
    ]


def test_annotations_alone_are_scored_and_that_is_told(write):
    home = write({"a.xml": voc_xml("a.jpg", [(91, 1, 110, 20)])})
    annotated, told = read_voc(home)
    # half of it lies within <size>, and is what counts
    assert scored(annotated) == [("a", "dog", (90.0, 0.0, 10.0, 20.0))]
    assert told == ["images scored that ingest rejects: image_missing 1"]


def test_links_out_of_the_data_and_ambiguous_images_are_scored_and_told(
    write, tmp_path
):
    home = write(LAYOUTS["year"] | {"JPEGImages/c.png": jpeg(8)})
    (home / "Annotations/c.xml").write_text(voc_xml("x.jpg", [(11, 21, 50, 60)]))
    (home / "JPEGImages/a.jpg").rename(tmp_path / "elsewhere.jpg")
    (home / "JPEGImages/a.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    annotated, told = read_voc(home)
    assert annotated.image_ids == ["a", "b", "c"]
    assert told == [
        "images scored that ingest rejects: path_unsafe 1, image_ambiguous 1"
    ]


def test_images_without_annotation_are_negatives_where_told_so(write):
    home = write(LAYOUTS["year"] | {"JPEGImages/n.jpg": jpeg(9)})
    annotated, told = read_voc(home)
    assert annotated.image_ids == ["a", "b", "c"]
    assert told == ["images not scored, as in ingest: annotation_missing 1"]
    annotated, told = read_voc(home, config=IngestConfig(unannotated="negative"))
    assert annotated.image_ids == ["a", "b", "c", "n"]
    assert told == []
    annotated, told = read_voc(home, config=IngestConfig(unannotated="ignore"))
    assert annotated.image_ids == ["a", "b", "c"]
    assert told == []


# Of 100 x 80: inverted, 3 px wide, and with a fifth inside.
ODD = [(50, 21, 11, 60), (11, 21, 13, 60), (81, 21, 180, 60)]
SETTINGS = {
    "defaults": (IngestConfig(), []),
    "swap_inverted": (IngestConfig(swap_inverted=True), [(10, 20, 40, 40)]),
    "min_box_px": (IngestConfig(min_box_px=4), []),
    "min_inside": (IngestConfig(min_inside=0.1), [(80, 20, 20, 40)]),
}


@pytest.mark.parametrize(("config", "more"), SETTINGS.values(), ids=SETTINGS)
def test_a_setting_of_ingest_changes_what_is_scored_in_the_same_way(
    write, config, more
):
    xml = voc_xml("a.jpg", ODD)
    home = write({"Annotations/a.xml": xml, "JPEGImages/a.jpg": jpeg(1)})
    small = [] if config.min_box_px == 4 else [(10, 20, 3, 40)]
    right = sorted(("a", "dog", tuple(box)) for box in [*small, *more])
    assert ingested(home, config) == right
    if right:
        annotated, told = read_voc(home, config=config)
        # what ingest drops and has a box is scored too, and told
        scored_too = [box for box in scored(annotated) if box not in right]
        assert [box for box in scored(annotated) if box in right] == right
        assert ("box_outside" in " ".join(told)) == bool(scored_too)


def test_classes_beyond_the_label_map_are_left_out_where_ingest_leaves_them_out(write):
    files = LAYOUTS["year"] | {
        "Annotations/c.xml": voc_xml("c.jpg", [(1, 1, 9, 9)], name="cat"),
        "Annotations/b.xml": "<annotation><object><name>dog</name><deleted>1</deleted>"
        "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
        "</object></annotation>",
    }
    config = IngestConfig(label_map=("dog",), unknown_class="drop")
    annotated, told = read_voc(write(files), config=config)
    assert [name for name, *_ in scored(annotated)] == ["a"]
    assert "objects not scored, as in ingest: object_deleted 1, unknown_class 1" in told
    with pytest.raises(UserError, match="class 'cat' is not in the label map"):
        read_voc(write(files), config=IngestConfig(label_map=("dog",)))


def test_boxes_count_as_ingest_decides_for_the_whole_data_set(write):
    boxes = {"a": (11, 21, 50, 60), "b": (0, 21, 50, 60)}
    files = {f"Annotations/{n}.xml": voc_xml(f"{n}.jpg", [boxes[n]]) for n in boxes}
    files |= {f"JPEGImages/{n}.jpg": jpeg(i) for i, n in enumerate(boxes)}
    home = write(files | {"ImageSets/Main/train.txt": "a\n"})
    (home / "ImageSets/Main/val.txt").write_text("b\n")
    # b's minimum of 0 says that a's count from 0 too, also where a alone is scored
    annotated, told = read_voc(home, image_set="train")
    assert scored(annotated) == [("a", "dog", (11.0, 21.0, 39.0, 39.0))]
    assert told == ["corners zero_based: 1 boxes begin at 0, 0 at 1, in 2 files"]
    config = IngestConfig(corners="one_based")
    annotated, told = read_voc(home, image_set="train", config=config)
    assert scored(annotated) == [("a", "dog", (10.0, 20.0, 40.0, 40.0))]
    assert told == []


def test_boxes_lie_in_the_picture_that_ingest_was_told_they_lie_in(write):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored row 0 is seen on the right, column 0 on top
    square = io.BytesIO()
    Image.new("RGB", (80, 80)).save(square, "JPEG", exif=exif)
    # [10, 20, 50, 60] seen: stored x is y seen, stored y is 80 - x seen.
    xml = voc_xml("a.jpg", [(11, 21, 50, 60)], size=(80, 80))
    home = write({"Annotations/a.xml": xml, "JPEGImages/a.jpg": square.getvalue()})

    as_stored, _ = read_voc(home)
    as_seen, _ = read_voc(home, config=IngestConfig(exif_boxes="displayed"))

    assert scored(as_stored) == [("a", "dog", (10, 20, 40, 40))]
    assert scored(as_seen) == [("a", "dog", (20, 30, 40, 40))]
