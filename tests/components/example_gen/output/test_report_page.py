import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.example_gen.config import IngestConfig
from components.example_gen.ingest import ingest
from components.example_gen.output.directories import whole_output
from components.example_gen.source import spans

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def test_the_page_is_whole_escaped_and_shows_the_boxes(
    data_set, voc_xml, voc_object, tmp_path
):
    odd = "<script>alert(1)</script>"
    objects = [
        voc_object(),
        voc_object(name="&lt;script&gt;", box=(91, 21, 110, 60)),
        voc_object(box=("ten", 1, 2, 3)),
    ]
    home = data_set(
        {"a": voc_xml(objects=objects), "b&c": b"<broken"},
        sets={"train": "a\nb&c\n"},
    )
    home = home.rename(tmp_path / "a & b")
    with whole_output(str(tmp_path / "out")) as dirs:
        ingest(spans.resolve(str(home)), dirs, IngestConfig(ensure_splits=False))
    page = Path(tmp_path / "out/report.html").read_text()
    assert odd not in page
    assert "<script" not in page
    assert "a &amp; b" in page
    assert "{{" not in page
    assert "http" not in page  # self-contained
    assert page.count("data:image/jpeg;base64,") == 3
    for reason in ("xml_malformed", "box_not_number", "box_clipped"):
        assert f"<b>{reason}</b>" in page


def test_near_copies_across_splits_are_told_and_shown_as_pairs(
    data_set, voc_xml, tmp_path
):
    coarse = np.random.default_rng(0).integers(0, 256, (2, 7, 9, 3), np.uint8)
    one, other = (Image.fromarray(c).resize((100, 80)) for c in coarse)
    images = {}
    for name, picture, quality in (("a", one, 95), ("b", one, 40), ("c", other, 90)):
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality)
        images[name] = buffer.getvalue()
    home = data_set(
        {name: voc_xml(f"{name}.jpg") for name in "abc"},
        images,
        sets={"train": "a", "val": "b\nc"},
    )
    with whole_output(str(tmp_path / "out")) as dirs:
        config = IngestConfig(ensure_splits=False)
        report = ingest(spans.resolve(str(home)), dirs, config)
    assert report.reasons == {"near_copy": 1}
    (warning,) = report.details["warnings"]
    assert warning.startswith("near_copy: eval/b: like train/a: ")
    assert report.details["verdict"] == "within budget"
    (line,) = (tmp_path / "out/recorded.jsonl").read_text().splitlines()
    assert json.loads(line)["other"] == "a"
    page = (tmp_path / "out/report.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 2
