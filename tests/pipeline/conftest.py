import dataclasses

import pytest


@pytest.fixture(scope="session")
def summary_of():
    """The summary of a run that pushed, or as changed."""
    from pipeline.run.summary import RunSummary  # knows TFX

    pushed = RunSummary(
        blessed=True,
        reasons=("AP50 0.9 reaches the threshold 0.5",),
        serving_problems=(),
        pushed_path="/served/7",
        model_digest="m",
        not_pushed="",
        metrics={"test": {"AP": 0.5, "AP50": 0.9, "AP75": None}},
        model_path="/root/model",
        report="/root/report.html",
        picture="/root/detections.png",
        curves="/root/curves.png",
        ingest_report="/root/data.html",
        stages={"Trainer": "reused", "ModelPusher": "ran"},
        seconds=12.4,
    )
    return lambda **changes: dataclasses.replace(pushed, **changes)


@pytest.fixture(scope="session")
def edges():
    """Consumer -> producers, as drawn in docs/architecture.md."""
    return {
        "VocExampleGen": set(),
        "StatisticsGen": {"VocExampleGen"},
        "SchemaImport": set(),
        "DataGate": {"StatisticsGen", "SchemaImport"},
        "Transform": {"VocExampleGen", "SchemaImport", "DataGate"},
        "Trainer": {"VocExampleGen", "SchemaImport", "Transform"},
        "BaselineLookup": set(),
        "DetectionEvaluator": {"VocExampleGen", "Trainer", "BaselineLookup"},
        "ServingCheck": {"VocExampleGen", "Trainer", "BaselineLookup"},
        "ReportWriter": {
            "VocExampleGen",
            "Trainer",
            "DetectionEvaluator",
            "ServingCheck",
        },
        "ModelPusher": {
            "Trainer",
            "BaselineLookup",
            "DetectionEvaluator",
            "ServingCheck",
        },
    }
