"""What the Beam stages of a root wrote, in the newest execution of each."""

import json
import re


def files_of(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def stage_outputs(root):
    """What each found, so that two runners' can be compared."""
    statistics = {
        path.parent.name: _statistics_of(path)
        for path in newest(root, "StatisticsGen", "statistics").rglob("*.pb")
    }
    graph = newest(root, "Transform", "transform_graph")
    evaluation = newest(root, "DetectionEvaluator", "evaluation_result")
    ingest = {
        name: files_of(newest(root, "VocExampleGen", name))
        for name in ("examples", "annotations", "report")
    }
    return ingest | {
        "statistics": statistics,
        "vocabulary": files_of(graph / "transform_fn/assets"),
        "metrics": json.loads((evaluation / "metrics.json").read_text()),
    }


def newest(root, stage, name):
    return max((root / stage / name).iterdir(), key=lambda path: int(path.name))


def _statistics_of(path):
    """Every feature's statistics, by its name: their order is of chance.

    So is the order in which a mean is summed up, which is its last digits.
    """
    from tensorflow_metadata.proto.v0 import statistics_pb2

    def rounded(found):
        return f"{found[1]}: {float(found[2]):.12g}"

    found = statistics_pb2.DatasetFeatureStatisticsList()
    found.ParseFromString(path.read_bytes())
    (data,) = found.datasets
    named = {
        ".".join(feature.path.step): re.sub(
            r"\b(mean|std_dev): (\S+)", rounded, str(feature)
        )
        for feature in data.features
    }
    return data.num_examples, named
