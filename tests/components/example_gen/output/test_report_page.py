from pathlib import Path

import pytest

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
