import json

import pytest

from components.example_gen.config import IngestConfig
from schemas.config_json import to_json

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def stage(tmp_path):
    """Runs the stage on a directory -> its three artifacts."""
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from tfx.types import standard_artifacts
    from tfx.types.experimental import simple_artifacts

    from components.example_gen.component import VocExampleGen

    def run(data, span="", config=None):
        artifacts = {
            "examples": standard_artifacts.Examples(),
            "annotations": standard_artifacts.Examples(),
            "report": simple_artifacts.File(),
        }
        for name, artifact in artifacts.items():
            artifact.uri = str(tmp_path / "root" / name / "1")
        VocExampleGen.test_call(
            **artifacts,
            data=str(data),
            span=span,
            ingest_config=to_json(config or IngestConfig()),
            data_digest="",
            source_digest="",
            beam_pipeline=beam.Pipeline(
                options=PipelineOptions(["--runner=FnApiRunner"])
            ),
        )
        return artifacts

    return run


def test_the_artifacts_know_their_splits_and_span(stage, data_set, voc_xml, tmp_path):
    names = {f"i{i}": voc_xml(f"i{i}.jpg") for i in range(8)}
    home = data_set(names, sets={"train": "\n".join(names)}, root=tmp_path / "s-7")
    artifacts = stage(home.parent / "s-{SPAN}", span="latest")
    for name in ("examples", "annotations"):
        # there was no val set: the stage carves one
        assert artifacts[name].split_names == '["train", "eval"]'
        assert artifacts[name].span == 7
        for split in ("train", "eval"):
            assert list((tmp_path / "root" / name / "1" / f"Split-{split}").iterdir())
    report = json.loads((tmp_path / "root/report/1/report.json").read_text())
    assert report["details"]["carved_from"] == "train"


def test_over_budget_stops_the_run_and_the_report_outlives_it(
    stage, data_set, voc_xml, tmp_path
):
    from components.example_gen.output.ingest_report import OverBudgetError

    home = data_set({"a": voc_xml(), "b": voc_xml("b.jpg"), "c": b"broken"})
    with pytest.raises(OverBudgetError, match=r"1 of 3.*see .*refused/report\.html"):
        stage(home)
    kept = tmp_path / "root/report/refused/report.json"
    assert json.loads(kept.read_text())["images_rejected"] == 1


def test_one_image_is_too_few_to_train_on(stage, data_set, voc_xml):
    from schemas.user_error import UserError

    with pytest.raises(UserError, match=r"no image for the (train|eval) split"):
        stage(data_set({"a": voc_xml()}))


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"broken", "nothing is left of 1 image;"), (None, "no image for the")],
)
def test_what_is_unusable_says_which_span_it_is(
    stage, data_set, voc_xml, tmp_path, content, said
):
    from schemas.user_error import UserError

    data_set({"a": content or voc_xml()}, root=tmp_path / "s-7")
    with pytest.raises(UserError, match=said) as caught:
        stage(tmp_path / "s-{SPAN}", span="7")
    assert caught.value.span == 7
