"""Builders of small VOC data sets, and runs without and with Beam."""

import io
import json

import pytest
from PIL import Image

from components.example_gen.config import IngestConfig
from components.example_gen.examination.examine import examine
from components.example_gen.ingest import ingest
from components.example_gen.output.directories import whole_output
from components.example_gen.plan.plan import make_plan
from components.example_gen.shards.tally import Tally
from components.example_gen.source import spans, storage

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def _tag(name, value):
    return "" if value is None else f"<{name}>{value}</{name}>"


def _object(name="dog", box=(11, 21, 50, 60), extra="", **flags):
    values = {"pose": "Left", "truncated": 0, "difficult": 0, **flags}
    tags = "".join(_tag(key, value) for key, value in values.items())
    corners = zip(("xmin", "ymin", "xmax", "ymax"), box or (), strict=False)
    inner = "".join(_tag(side, value) for side, value in corners)
    bndbox = f"<bndbox>{inner}</bndbox>" if box is not None else ""
    return f"<object>{_tag('name', name)}{tags}{bndbox}{extra}</object>"


def _xml(filename="a.jpg", size=(100, 80), objects=None, depth=3, body=""):
    shape = ""
    if size is not None:
        width, height = size
        shape = (
            f"<size><width>{width}</width><height>{height}</height>"
            f"{_tag('depth', depth)}</size>"
        )
    inside = "".join([_object()] if objects is None else objects)
    name = _tag("filename", filename)
    return f"<annotation>{name}{shape}{inside}{body}</annotation>".encode()


def _image(size=(100, 80), mode="RGB", fmt="JPEG", color=None, **options):
    buffer = io.BytesIO()
    picture = Image.new("RGB", size, color or (90, 120, 200))
    picture.convert(mode).save(buffer, fmt, **options)
    return buffer.getvalue()


@pytest.fixture
def voc_object():
    """<object> text; box=None leaves <bndbox> out, a None corner leaves that out."""
    return _object


@pytest.fixture
def voc_xml():
    """Annotation bytes."""
    return _xml


@pytest.fixture
def image_bytes():
    """An encoded image of one colour."""
    return _image


@pytest.fixture
def data_set(tmp_path):
    """Writes a VOC directory: {id: xml or None}, images and sets to match."""

    def write(annotations, images=None, sets=None, root=None):
        home = root or tmp_path / "VOC"
        for folder in ("Annotations", "JPEGImages", "ImageSets/Main"):
            (home / folder).mkdir(parents=True, exist_ok=True)
        for index, (image_id, xml) in enumerate(annotations.items()):
            if xml is not None:
                (home / "Annotations" / f"{image_id}.xml").write_bytes(xml)
            raw = (images or {}).get(
                image_id, _image(color=(index * 25 % 256, index * 60 % 256, 7))
            )
            if raw is not None:
                (home / "JPEGImages" / f"{image_id}.jpg").write_bytes(raw)
        for name, text in (sets or {}).items():
            path = home / "ImageSets" / "Main" / f"{name}.txt"
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return home

    return write


@pytest.fixture
def plan_of():
    """Plan of a directory or tar."""

    def plan(root, **options):
        entries = storage.list_files(str(root))
        return make_plan(
            entries, lambda ref: storage.read_bytes(ref, 1 << 20), **options
        )

    return plan


@pytest.fixture
def judge(plan_of):
    """Examines a data set without Beam -> (tally, findings, examples by id)."""

    def run(root, known=("dog", "cat"), **config):
        settings = IngestConfig(**{"corners": "one_based", **config})
        tally, findings, examples = Tally(), [], {}
        plan = plan_of(root, follow_symlinks=settings.follow_symlinks)
        for item in plan.items:
            examined = examine(item, frozenset(known), settings)
            tally.add(examined, item.split or "train")
            findings += examined.findings
            if examined.example is not None:
                examples[item.image_id] = examined.example
        return tally, findings, examples

    return run


@pytest.fixture
def reasons_of_xml(data_set, judge, voc_xml):
    """Reason codes of a data set of one image with this annotation."""

    def run(xml, raw=None, **config):
        images = {} if raw is None else {"a": raw}
        _, findings, _ = judge(data_set({"a": xml}, images), **config)
        return {finding.reason: finding.action for finding in findings}

    return run


@pytest.fixture
def reasons_of_object(reasons_of_xml, voc_xml, voc_object):
    """Reason codes of one object in an image of 100 x 80 pixels."""

    def run(config=None, **fields):
        return reasons_of_xml(voc_xml(objects=[voc_object(**fields)]), **(config or {}))

    return run


@pytest.fixture
def run(tmp_path):
    """Ingests a directory into tmp_path/out -> (report.json, output directory)."""

    def go(home, name="out", replay="", **config):
        out = tmp_path / name
        with whole_output(str(out)) as dirs:
            settings = IngestConfig(**{"ensure_splits": False, **config})
            ingest(spans.resolve(str(home)), dirs, settings, replay_path=replay)
        return json.loads((out / "report.json").read_text()), out

    return go
