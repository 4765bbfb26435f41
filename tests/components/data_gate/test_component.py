import json
from pathlib import Path

import pytest

import schemas
from components.data_gate.config import DriftConfig
from schemas.config_json import to_json
from schemas.user_error import ModelRefusedError, UserError

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
SCHEMA = Path(schemas.__file__).parent / "detection.pbtxt"


@pytest.fixture
def statistics_of(tmp_path):
    """Statistics artifact of examples that differ in brightness and object count."""
    from tfx import v1 as tfx  # noqa: F401  before TFDV: it completes older releases
    import numpy as np  # isort: skip
    from tensorflow_data_validation.statistics import stats_impl
    from tfx.types import standard_artifacts
    from tfx_bsl.coders import example_coder

    from schemas.detection_example import DetectionExample
    from schemas.label_map import LabelMap
    from schemas.tf_example import encode_example

    def build(name, brightness, objects, classes=("dog",)):
        rows = []
        for index in range(40):
            count = objects[index % len(objects)]
            example = DetectionExample(
                image_id=str(index),
                filename="x.jpg",
                source_path="x.jpg",
                encoded_image=b"",
                image_format="jpeg",
                width=100,
                height=100,
                sha256=str(index),
                boxes=np.array([[0, 0, 50, 50]] * count, np.float32).reshape(-1, 4),
                class_names=tuple(classes[i % len(classes)] for i in range(count)),
                difficult=np.zeros(count, bool),
                truncated=np.zeros(count, bool),
                occluded=np.zeros(count, bool),
                poses=("Left",) * count,
                brightness=brightness + index / 1000,
                contrast=0.1,
                mended="[]" if index == 0 else "",  # of labels in few images, if any
            )
            labels = LabelMap(("cat", "dog"))
            rows.append(encode_example(example, labels, with_image=False))
        batch = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(rows)
        stats = stats_impl.generate_statistics_in_memory(batch)
        artifact = standard_artifacts.ExampleStatistics()
        artifact.uri = str(tmp_path / name)
        artifact.split_names = '["train"]'
        directory = tmp_path / name / "Split-train"
        directory.mkdir(parents=True)
        (directory / "FeatureStats.pb").write_bytes(stats.SerializeToString())
        return artifact

    return build


@pytest.fixture
def gate(tmp_path):
    """Runs the stage -> verdict.json of a run that passes."""

    def run(
        statistics, schema_text=None, earlier=None, judged_on="auto", sliced=(), **drift
    ):
        from tfx.types import standard_artifacts

        from components.data_gate.component import DataGate

        schema = standard_artifacts.Schema()
        schema.uri = str(tmp_path / "schema")
        (tmp_path / "schema").mkdir(exist_ok=True)
        (tmp_path / "schema/schema.pbtxt").write_text(schema_text or SCHEMA.read_text())
        anomalies = standard_artifacts.ExampleAnomalies()
        anomalies.uri = str(tmp_path / "anomalies" / "1")
        inputs = {} if earlier is None else {"earlier_statistics": earlier}
        DataGate.test_call(
            statistics=statistics,
            schema=schema,
            anomalies=anomalies,
            drift_config=to_json(DriftConfig(**drift)),
            gate_split=judged_on,
            gate_slices=json.dumps(list(sliced)),
            source_digest="",
            **inputs,
        )
        assert anomalies.split_names == '["train"]'
        assert (tmp_path / "anomalies/1/Split-train/SchemaDiff.pb").exists()
        return json.loads((tmp_path / "anomalies/1/verdict.json").read_text())

    return run


def test_what_ingest_writes_meets_the_curated_schema(statistics_of, gate):
    verdict = gate(statistics_of("now", 0.4, [0, 1, 3]))
    assert verdict == {"passed": True, "reasons": []}


def test_an_error_stops_the_run_naming_feature_and_expectation(
    statistics_of, gate, tmp_path
):
    from components.data_gate.gate import DataRefusedError

    with pytest.raises(DataRefusedError) as caught:
        gate(statistics_of("now", 0.99, [1]))  # up to 1.029
    message = str(caught.value)
    assert "train/image/brightness" in message
    assert "max: 1.0" in message
    kept = json.loads((tmp_path / "anomalies/refused/verdict.json").read_text())
    assert kept["passed"] is False


def a_slice(**chosen):
    nothing = dict.fromkeys(("object_side", "image_side", "brightness"))
    return {"name": "some", "class_name": "", **nothing, **chosen}


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        # images of 100 x 100 px, objects of 50 x 50, brightness .4 to .439
        ({"image_side": [100, 200]}, ""),
        ({"image_side": [101, 200]}, "of image_side 101 to 200: the images' sides"),
        ({"object_side": [0, 50]}, ""),
        ({"object_side": [0, 49]}, "sides on train lie between 50 and 50"),
        ({"brightness": [0.43, 1]}, ""),
        ({"brightness": [0.44, 1]}, "brightness on train lie between 0.4 and 0.439"),
    ],
)
def test_a_slice_that_nothing_can_be_in_is_refused_before_the_training(
    statistics_of, gate, chosen, said
):
    now = statistics_of("now", 0.4, [2])
    if not said:
        assert gate(now, judged_on="train", sliced=[a_slice(**chosen)])["passed"]
        return
    with pytest.raises(ModelRefusedError) as caught:
        gate(now, judged_on="train", sliced=[a_slice(**chosen)])
    assert said in str(caught.value)
    assert "nothing can be in the slice 'some'" in str(caught.value)


def test_a_slice_of_a_class_that_the_data_lack_is_refused_before_the_training(
    statistics_of, gate
):
    now = statistics_of("now", 0.4, [2], classes=("cat", "dog"))
    assert gate(now, judged_on="train", sliced=[a_slice(class_name="dog")])["passed"]
    with pytest.raises(UserError) as caught:
        gate(now, judged_on="train", sliced=[a_slice(class_name="dgo")])
    assert str(caught.value) == (
        "gate.slices has a slice of the class 'dgo'; the data have cat, dog "
        "(did you mean 'dog'?)"
    )


def test_drift_against_an_earlier_span_stops_or_goes_on(statistics_of, gate):
    from components.data_gate.gate import DataRefusedError

    before = statistics_of("before", 0.2, [1])
    now = statistics_of("now", 0.7, [4], classes=("cat", "dog"))
    with pytest.raises(DataRefusedError) as caught:
        gate(now, earlier=before)
    for measure in ("class mix", "brightness", "objects per image"):
        assert f"drift of {measure}" in str(caught.value)
    verdict = gate(now, earlier=before, on_drift="go_on")
    assert verdict["passed"]
    # half of the objects changed class
    (mix,) = (reason for reason in verdict["reasons"] if "class mix" in reason)
    assert mix.startswith("drift of class mix: 0.500, over 0.")
    assert gate(before, earlier=before)["passed"]


def test_a_split_of_negatives_passes_and_is_told_of(gate, statistics_of):
    verdict = gate(statistics_of("now", 0.4, [0]))
    assert verdict["passed"]
    (reason,) = verdict["reasons"]
    assert "no object in its 40 images" in reason


def test_a_gate_on_a_split_that_the_data_lack_stops_before_the_training(
    statistics_of, gate
):
    with pytest.raises(UserError, match=r"gate\.split is test, and the data have"):
        gate(statistics_of("now", 0.5, [1]), judged_on="test")
