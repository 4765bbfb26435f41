import dataclasses
import json

import html5lib
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
HTML = "{http://www.w3.org/1999/xhtml}"
ORIGIN = {
    "name": "weekly",
    "data_digest": "d1",
    "code_digest": "c1",
    "weights_digest": "",
    "ingest": {},
    "trainer": {"seed": 3},
    "gate": {
        "difficult": "ignore",
        "slices": [{"name": "the dogs", "class_name": "dog", "min_map": 0.1}],
    },
}


def an_artifact(kind, folder, **files):
    """An artifact's folder with files in it; their names have _ for a dot."""
    artifact = kind()
    artifact.uri = str(folder)
    folder.mkdir()
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return artifact


def mend(path, image_id, record):
    """Gives one image of a shard a record of labels that were mended."""
    import tensorflow as tf

    from components.report.pictures import read_examples
    from schemas.label_map import LabelMap
    from schemas.tf_example import encode_example

    examples = list(read_examples(str(path)))
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for one in examples:
            mended = dataclasses.replace(one, mended=record)
            kept = mended if one.image_id == image_id else one
            writer.write(encode_example(kept, LabelMap(("dog",))))


@pytest.fixture
def written(tmp_path, stages):
    """Runs the evaluator on two models, then the stage; returns its folder."""
    from tfx.types import artifact_utils, standard_artifacts
    from tfx.types.experimental import simple_artifacts

    from components.report.component import ReportWriter

    # The one box is the whole image: found in a; a quarter of it in b, so missed.
    stages.write_examples(
        {"a": (40, 30, [[0, 0, 40, 30]]), "b": (40, 30, [[0, 0, 10, 30]])}
    )
    record = '[[null, ["dog", 0, 0, 40, 30, 0]]]'  # the dog of a was overlooked
    mend(tmp_path / "examples" / "Split-eval" / "i.gz", "a", record)
    judged = stages.evaluate(
        stages.model("candidate"), stages.baseline_model(edge=0.5), {"min_map": 0.0}
    )
    examples = standard_artifacts.Examples()
    examples.uri = str(tmp_path / "examples")
    examples.split_names = artifact_utils.encode_split_names(["train", "eval"])
    run = an_artifact(
        standard_artifacts.ModelRun,
        tmp_path / "run",
        history_csv="step,epoch,loss,mAP\n8,1,2.5,0.25\n9,2,2,\n",
    )
    (tmp_path / "run" / "learning_curves.png").write_bytes(b"png")
    servable = an_artifact(
        standard_artifacts.InfraBlessing,
        tmp_path / "servable",
        findings_json='{"problems": [], "ms_per_image": 2.5}',
    )
    data = an_artifact(
        simple_artifacts.File, tmp_path / "data", report_html="<h1>Ingest</h1>"
    )
    report = simple_artifacts.File()
    report.uri = str(tmp_path / "report")
    ReportWriter.test_call(
        examples=examples,
        data_report=data,
        model_run=run,
        evaluation_result=judged.result,
        blessing=judged.blessing,
        serving_blessing=servable,
        report=report,
        data="dogs & cats",
        span="7",
        origin=json.dumps(ORIGIN),
        num_images=2,
        min_score=0.3,
        source_digest="",
    )
    return tmp_path / "report"


def test_the_stage_writes_pages_that_know_each_other(written):
    page = html5lib.parse((written / "report.html").read_text())
    cells = [cell.text for cell in page.iter(HTML + "td")]
    facts = [fact.text for fact in page.iter(HTML + "dd")]
    (data,) = [s for s in page.iter(HTML + "script") if s.get("id") == "browser"]
    images = json.loads(data.text)["images"]

    # A hit, then a miss of equal score: precision 1 at 51 of 101 recalls, at every IoU.
    assert cells.count("0.505") >= 1
    # Without the dog of a nothing was found; half of an edge finds nothing anyway.
    rows = [[c.text for c in row] for row in page.iter(HTML + "tr")]
    assert ["candidate", "0.000", "0.505", "+0.505"] in rows
    assert ["served", "0.000", "0.000", "+0.000"] in rows
    assert ["the dogs", "2", "2", "0.505", "0.000", "+0.505"] in rows
    assert facts[:2] == ["dogs & cats", "7"]
    assert "3" in facts
    assert [image["file"] for image in images] == ["b.png", "a.png"]
    assert all(image["picture"].startswith("data:image/jpeg") for image in images)
    assert 'href="report.html"' in (written / "data.html").read_text()
    assert (written / "detections.png").read_bytes().startswith(b"\x89PNG")
    assert (written / "learning_curves.png").read_bytes() == b"png"
