import json

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

# The detector's one box is the whole image, score .5. Ground truth: the whole image
# (IoU 1) in `a`, its left half (IoU .5) in `b`; equal scores rank by image id.
# At IoU .5 both are hits: AP50 = 1. At .55 and up the second is a miss: precision 1 up
# to recall .5, which 51 of the 101 recall points reach: 51/101.
IMAGES = {"a": (40, 30, [[0, 0, 40, 30]]), "b": (40, 30, [[0, 0, 20, 30]])}
AP = (1 + 9 * 51 / 101) / 10


@pytest.fixture
def judge(tmp_path, save_one_box, write_examples):
    """Runs the stage for a candidate and, if any, a baseline of the given edges."""
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from tfx.types import artifact_utils, standard_artifacts

    from components.baseline.component import IDENTITY_PROPERTY
    from components.evaluator.component import DetectionEvaluator

    examples = standard_artifacts.Examples()
    examples.uri = str(tmp_path / "examples")
    examples.split_names = artifact_utils.encode_split_names(["train", "eval"])
    (tmp_path / "examples" / "Split-eval").mkdir(parents=True)
    (tmp_path / "examples" / "label_map.txt").write_text("dog\n")
    write_examples(tmp_path / "examples" / "Split-eval" / "images.gz", IMAGES)

    def model(name, edge):
        artifact = standard_artifacts.Model()
        artifact.uri = str(tmp_path / name)
        identity = "" if edge is None else "1:abc"
        artifact.set_string_custom_property(IDENTITY_PROPERTY, identity)
        if edge is not None:
            save_one_box(tmp_path / name / "Format-Serving", edge=edge)
        return artifact

    def run(candidate, baseline, gate):
        result = standard_artifacts.ModelEvaluation()
        blessing = standard_artifacts.ModelBlessing()
        result.uri, blessing.uri = str(tmp_path / "result"), str(tmp_path / "blessing")
        options = PipelineOptions(["--runner=FnApiRunner"])
        DetectionEvaluator.test_call(
            examples=examples,
            model=model("candidate", candidate),
            baseline=model("baseline", baseline),
            evaluation_result=result,
            blessing=blessing,
            gate_config=json.dumps(gate),
            source_digest="",
            beam_pipeline=beam.Pipeline(options=options),
        )
        metrics = json.loads((tmp_path / "result" / "metrics.json").read_text())
        verdict = json.loads((tmp_path / "blessing" / "verdict.json").read_text())
        files = {path.name for path in (tmp_path / "blessing").iterdir()}
        return metrics["eval"], verdict, files, blessing

    return run


def test_a_first_model_is_measured_exactly_and_blessed(judge):
    metrics, verdict, files, blessing = judge(1.0, None, {"min_ap50": 1.0})

    assert metrics["candidate"]["AP50"] == pytest.approx(1, abs=1e-9)
    assert metrics["candidate"]["AP"] == pytest.approx(AP, abs=1e-9)
    assert metrics["candidate"]["AP50/dog"] == pytest.approx(1, abs=1e-9)
    assert set(metrics) == {"candidate"}
    assert verdict["blessed"]
    assert files == {"BLESSED", "verdict.json"}
    assert blessing.get_int_custom_property("blessed") == 1


def test_a_model_worse_than_the_served_one_is_refused(judge):
    metrics, verdict, files, blessing = judge(0.25, 1.0, {"min_map": 0.0})

    # A quarter of each side: IoU 1/16 in `a`, 1/8 in `b`, no hit.
    assert metrics["candidate"]["AP"] == 0
    assert metrics["baseline"]["AP"] == pytest.approx(AP, abs=1e-9)
    assert not verdict["blessed"]
    assert "is worse than the served model's 0.5545" in verdict["reasons"][-1]
    assert files == {"NOT_BLESSED", "verdict.json"}
    assert blessing.get_int_custom_property("blessed") == 0
