"""Examples that a script's `load` keeps: never those of other data or other code."""

from pathlib import Path

import pytest
from PIL import Image

import voc_pipeline as voc
from pipeline.run import kept_examples
from schemas.user_error import UserError

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture
def data_of(tmp_path):
    """Writes a data set of two images, each with an object of the class."""

    def write(name):
        home = tmp_path / f"of {name}"
        for folder in ("Annotations", "JPEGImages"):
            (home / folder).mkdir(parents=True)
        for index in range(2):
            (home / f"Annotations/{index}.xml").write_text(
                f"<annotation><filename>{index}.jpg</filename><size><width>60</width>"
                "<height>40</height><depth>3</depth></size><object>"
                f"<name>{name}</name><bndbox><xmin>1</xmin><ymin>1</ymin>"
                "<xmax>20</xmax><ymax>20</ymax></bndbox></object></annotation>"
            )
            image = Image.new("RGB", (60, 40), (200 * index, 10, 200))
            image.save(home / f"JPEGImages/{index}.jpg")
        return str(home)

    return write


def test_two_data_sets_in_one_cache_stay_two(data_of, tmp_path):
    cats, dogs, cache = data_of("cat"), data_of("dog"), str(tmp_path / "cache")

    names = [voc.class_names(data, cache=cache) for data in (cats, dogs, cats)]

    assert names == [("cat",), ("dog",), ("cat",)]


def test_settings_of_ingest_are_heeded_and_kept_apart(data_of, tmp_path):
    cats, cache = data_of("cat"), str(tmp_path / "cache")
    boxes = {}
    for corners in ("one_based", "zero_based"):
        options = {"image_size": (40, 60), "cache": cache, "corners": corners}
        (batch,) = voc.load(cats, "train", "xyxy", 2, ensure_splits=False, **options)
        boxes[corners] = batch["bounding_boxes"]["boxes"][0, 0].numpy().tolist()
    # [1, 1, 20, 20] in VOC's counting and as it stands
    assert boxes == {"one_based": [0, 0, 20, 20], "zero_based": [1, 1, 20, 20]}
    with pytest.raises(UserError, match=r"no field 'corner' \(did you mean 'corners'"):
        voc.load(cats, cache=cache, corner="zero_based")


def test_what_other_code_has_written_does_not_come_back(data_of, tmp_path, monkeypatch):
    cats, cache = data_of("cat"), str(tmp_path / "cache")
    voc.class_names(cats, cache=cache)
    (kept,) = Path(cache).glob("*/label_map.txt")
    kept.write_text("written by the old code\n")
    assert voc.class_names(cats, cache=cache) == ("written by the old code",)

    monkeypatch.setattr(kept_examples, "source_digest", lambda *_: "the new code")

    assert voc.class_names(cats, cache=cache) == ("cat",)
