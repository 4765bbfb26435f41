"""The stages that judge and push, run by hand."""

import dataclasses
import json

import pytest


class Stages:
    """The stages from the look-up of the baseline to the push, one by one, by hand."""

    def __init__(self, folder, save_one_box, write_examples):
        self.folder = folder
        self.served = folder / "served"
        self._save = save_one_box
        self._write = write_examples
        self._runs = 0

    def write_examples(self, images, class_names=("dog",), split="eval"):
        """One shard of the split, and the label map beside it."""
        (self.folder / "examples" / f"Split-{split}").mkdir(parents=True, exist_ok=True)
        text = "".join(f"{name}\n" for name in class_names)
        (self.folder / "examples" / "label_map.txt").write_text(text)
        self._write(self.folder / "examples" / f"Split-{split}" / "i.gz", images)

    def model(self, name, **detector):
        """The Trainer's artifact, with a detector of one box in it."""
        from tfx.types import standard_artifacts

        artifact = standard_artifacts.Model()
        artifact.uri = str(self.folder / name)
        self._save(self.folder / name / "Format-Serving", **detector)
        return artifact

    def serve(self, version, **detector):
        """Puts a detector where versions are served, as a person would."""
        return self._save(self.served / str(version), **detector)

    def baseline_model(self, edge=None):
        """What the look-up leaves, without the look-up."""
        from tfx.types import standard_artifacts

        from components.baseline.component import IDENTITY_PROPERTY

        artifact = standard_artifacts.Model()
        artifact.uri = str(self.folder / "baseline")
        identity = "" if edge is None else "1:abc"
        artifact.set_string_custom_property(IDENTITY_PROPERTY, identity)
        if edge is not None:
            self._save(self.folder / "baseline" / "Format-Serving", edge=edge)
        return artifact

    def look_up(self):
        """Runs BaselineLookup as a fresh root would."""
        from tfx.types import standard_artifacts

        from components.baseline.component import BaselineLookup
        from components.baseline.served_models import baseline_identity

        artifact = standard_artifacts.Model()
        artifact.uri = str(self.folder / f"looked-up-{self._count()}")
        BaselineLookup.test_call(
            model=artifact,
            push_destination=str(self.served),
            identity=baseline_identity(str(self.served), ""),
            source_digest="",
        )
        return artifact

    def evaluate(self, model, baseline, gate):
        """Runs DetectionEvaluator; gate is a config as a mapping."""
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions
        from tfx.types import artifact_utils, standard_artifacts

        from components.evaluator.component import DetectionEvaluator

        place = self.folder / f"evaluation-{self._count()}"
        result = standard_artifacts.ModelEvaluation()
        blessing = standard_artifacts.ModelBlessing()
        result.uri, blessing.uri = str(place / "result"), str(place / "blessing")
        examples = standard_artifacts.Examples()
        examples.uri = str(self.folder / "examples")
        splits = sorted((self.folder / "examples").glob("Split-*"))
        names = ["train", *(path.name.removeprefix("Split-") for path in splits)]
        examples.split_names = artifact_utils.encode_split_names(names)
        options = PipelineOptions(["--runner=FnApiRunner"])
        DetectionEvaluator.test_call(
            examples=examples,
            model=model,
            baseline=baseline,
            evaluation_result=result,
            blessing=blessing,
            gate_config=json.dumps(gate),
            source_digest="",
            beam_pipeline=beam.Pipeline(options=options),
        )
        return Judged(
            result=result,
            blessing=blessing,
            metrics=json.loads((place / "result" / "metrics.json").read_text()),
            verdict=json.loads((place / "blessing" / "verdict.json").read_text()),
            thresholds=json.loads(
                (place / "result" / "score_thresholds.json").read_text()
            ),
            files={path.name for path in (place / "blessing").iterdir()},
        )

    def push(self, model, baseline, judged):
        """Runs ModelPusher for a servable model; returns its artifact."""
        from tfx.types import standard_artifacts

        from components.pusher.component import ModelPusher

        servable = standard_artifacts.InfraBlessing()
        servable.set_int_custom_property("blessed", 1)
        place = self.folder / f"serving-{self._count()}"
        place.mkdir()
        (place / "findings.json").write_text('{"problems": []}')
        servable.uri = str(place)
        pushed = standard_artifacts.PushedModel()
        ModelPusher.test_call(
            model=model,
            baseline=baseline,
            evaluation_result=judged.result,
            blessing=judged.blessing,
            serving_blessing=servable,
            pushed_model=pushed,
            push_destination=str(self.served),
            fingerprint="f",
            data="dogs",
            span="",
            origin="{}",
            earlier_push="",
            source_digest="",
        )
        return pushed

    def _count(self):
        self._runs += 1
        return self._runs


@dataclasses.dataclass
class Judged:
    """What DetectionEvaluator left."""

    result: object
    blessing: object
    metrics: dict
    verdict: dict
    thresholds: dict
    files: set


@pytest.fixture
def stages(tmp_path, save_one_box, write_examples):
    return Stages(tmp_path, save_one_box, write_examples)
