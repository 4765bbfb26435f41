"""`voc-pipeline show-data`: what is drawn, and bad input in one line."""

import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pipeline.__main__ import main
from pipeline.overrides import apply_overrides
from pipeline.presets import preset
from pipeline.show_data import shown_data
from schemas.detection_example import DetectionExample
from schemas.label_map import LabelMap
from schemas.tf_example import encode_example

SMALL = "trainer.input.image_size=[64,96]"
OBJECT = (
    "<object><name>{name}</name><difficult>{difficult}</difficult><bndbox>"
    "<xmin>11</xmin><ymin>21</ymin><xmax>40</xmax><ymax>60</ymax></bndbox></object>"
)


@pytest.fixture
def voc(tmp_path):
    """Five images of 100 x 80: a white rectangle on black, one class not ASCII."""
    root = tmp_path / "voc"
    for folder in ("Annotations", "JPEGImages"):
        (root / folder).mkdir(parents=True)
    for i in range(5):
        pixels = np.zeros((80, 100, 3), np.uint8)
        pixels[20:60, 10:40] = 255
        Image.fromarray(pixels).save(root / f"JPEGImages/i{i}.jpg")
        found = OBJECT.format(name=("猫", "bus")[i % 2], difficult=i % 2)
        (root / f"Annotations/i{i}.xml").write_text(
            f"<annotation><filename>i{i}.jpg</filename><size><width>100</width>"
            f"<height>80</height><depth>3</depth></size>{found}</annotation>",
            encoding="utf-8",
        )
    return root


def _run(*arguments):
    return main(["show-data", *map(str, arguments), "--set", SMALL])


def _pixels(path):
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


def test_voc_directory_becomes_pairs_of_frames(voc, tmp_path, capsys):
    output = tmp_path / "gallery.png"

    assert _run("--data", voc, "--output", output, "--images", 3, "--json") == 0

    told = json.loads(capsys.readouterr().out)
    assert len({image["image_id"] for image in told["images"]}) == 3
    assert [image["boxes"] for image in told["images"]] == [1, 1, 1]
    # Four cells of 96 + 4 px a row, two rows for three pairs.
    assert _pixels(output).shape == (200, 400, 3)


def test_before_shows_the_letterboxed_image_with_its_box(voc, tmp_path):
    output = tmp_path / "gallery.png"

    assert _run("--data", voc, "--output", output, "--images", 1) == 0

    # 100 x 80 in 96 x 64: scale .8, 80 x 64, offset 8; the cell pastes at 2, 2 + 0.
    cell = _pixels(output)
    # The rectangle's inside, x 10..40 and y 20..60: white in the middle.
    assert (cell[2 + 32, 2 + 8 + 20] > 240).all()
    # Its left edge has the box's colour, which is neither black nor white.
    edge = cell[2 + 40, 2 + 8 + 8]
    assert edge.max() - edge.min() > 100


def test_boxes_count_pixels_as_ingest_decides_it_for_the_data(voc, tmp_path):
    # A minimum of 0 says that they count from 0: [11, 21, 40, 60] is what is written.
    at_0 = OBJECT.format(name="bus", difficult=0).replace(">11<", ">0<")
    for path in (voc / "Annotations").iterdir():
        text = path.read_text("utf-8").replace("</annotation>", at_0 + "</annotation>")
        path.write_text(text, encoding="utf-8")

    config = apply_overrides(preset("cpu_small"), [SMALL])
    (frame,) = shown_data.load(str(voc), "train", config, 1, 0).before

    # Letterboxed by .8 with an offset of 8: 11 * .8 + 8 = 16.8, 40 * .8 + 8 = 40.
    found = frame.boxes[:, [0, 2]].tolist()
    assert found == [pytest.approx([16.8, 40]), pytest.approx([8, 40])]


def test_links_out_of_the_data_are_followed_where_ingest_follows_them(voc, tmp_path):
    (voc / "JPEGImages").rename(tmp_path / "elsewhere")
    (voc / "JPEGImages").mkdir()
    for path in (tmp_path / "elsewhere").iterdir():
        (voc / "JPEGImages" / path.name).symlink_to(path)
    arguments = ["--data", voc, "--output", tmp_path / "g.png"]

    assert _run(*arguments) == 2
    assert _run(*arguments, "--set", "ingest.follow_symlinks=true") == 0


@pytest.mark.slow
def test_same_seed_same_picture(voc, tmp_path):
    first, again, other = (tmp_path / name for name in ("a.png", "b.png", "c.png"))

    for output, seed in ((first, 3), (again, 3), (other, 4)):
        assert _run("--data", voc, "--output", output, "--seed", seed) == 0

    assert first.read_bytes() == again.read_bytes()
    assert first.read_bytes() != other.read_bytes()


def test_ingest_output_is_read_as_it_is(voc, tmp_path, capsys):
    encoded = (voc / "JPEGImages/i0.jpg").read_bytes()
    flags = np.zeros(1, bool)
    example = DetectionExample(
        image_id="only",
        filename="i0.jpg",
        source_path="i0.jpg",
        encoded_image=encoded,
        image_format="jpeg",
        width=100,
        height=80,
        sha256="0",
        boxes=np.array([[10, 20, 40, 60]], np.float32),
        class_names=("bus",),
        difficult=flags,
        truncated=flags,
        occluded=flags,
        poses=("",),
    )
    examples = tmp_path / "ingested/examples"
    (examples / "Split-eval").mkdir(parents=True)
    label_map = LabelMap(("bus",))
    label_map.to_file(examples / "label_map.txt")
    shard = str(examples / "Split-eval/images-00000-of-00001.gz")
    with tf.io.TFRecordWriter(shard, "GZIP") as writer:
        writer.write(encode_example(example, label_map))
    arguments = ["--data", tmp_path / "ingested", "--output", tmp_path / "g.png"]

    assert _run(*arguments, "--split", "eval", "--images", 2) == 0
    assert "preset cpu_small, images: 1, boxes: 1 before" in capsys.readouterr().out
    assert _run(*arguments) == 2
    error = capsys.readouterr().err
    assert "has no split 'train'; there are: eval" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "{tmp}/absent", "--output", "{tmp}/g.png"], "no such data set"),
        (["--data", "{tmp}/empty", "--output", "{tmp}/g.png"], "no usable image"),
        (["--data", "{voc}", "--output", "{tmp}/no/g.png"], "there is no directory"),
        (["--data", "{voc}", "--output", "{tmp}/empty"], "cannot be written"),
        (
            ["--data", "{voc}", "--output", "{tmp}/g.png", "--preset", "nix"],
            "no preset 'nix'; there are: ",
        ),
        (["--data", "{voc}", "--output", "{tmp}/g.png", "--images", "0"], "at least 1"),
        (["--data", "{voc}", "--output", "{tmp}/g.png", "--seed", "-1"], "at least 0"),
    ],
)
def test_bad_input_is_told_in_one_line(arguments, message, voc, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    filled = [one.format(tmp=tmp_path, voc=voc) for one in arguments]

    assert _run(*filled) == 2

    error = capsys.readouterr().err.strip()
    assert message in error
    assert "\n" not in error
    assert not (tmp_path / "g.png").exists()


def test_the_sample_of_ours_is_a_voc_data_set(tmp_path, capfd):
    assert main(["sample-data", str(tmp_path / "s"), "--images", "4"]) == 0
    output = tmp_path / "gallery.png"

    assert _run("--data", tmp_path / "s", "--output", output, "--images", 2) == 0

    said = capfd.readouterr()
    assert "images: 2, boxes:" in said.out
    assert said.err == ""  # nor does TensorFlow say anything


def test_negatives_without_xml_are_shown_where_they_count(voc, tmp_path, capsys):
    for path in list((voc / "Annotations").iterdir())[1:]:
        path.unlink()
    words = ("--data", voc, "--output", tmp_path / "g.png", "--images", 5, "--json")
    assert _run(*words) == 0
    assert len(json.loads(capsys.readouterr().out)["images"]) == 1
    assert _run(*words, "--set", "ingest.unannotated=negative") == 0
    shown = json.loads(capsys.readouterr().out)["images"]
    assert sorted(image["boxes"] for image in shown) == [0, 0, 0, 0, 1]
