"""Statistics against the schema, through TFDV."""

import os

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2
from tfx import v1 as tfx  # noqa: F401  before TFDV: it completes older releases
from tfx.dsl.io import fileio

from components.data_gate.gate import Anomaly
from schemas.counted import counted
from schemas.tf_example import OBJECT_COUNT


def load_statistics(uri: str) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Statistics of one split, as StatisticsGen leaves them."""
    import tensorflow_data_validation as tfdv  # after TFX, see above

    return tfdv.load_stats_binary(os.path.join(uri, "FeatureStats.pb"))


def load_schema(uri: str) -> schema_pb2.Schema:
    """The schema artifact's text."""
    with fileio.open(os.path.join(uri, "schema.pbtxt"), "r") as file:
        return text_format.Parse(file.read(), schema_pb2.Schema())


def find_anomalies(
    split: str,
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
    schema: schema_pb2.Schema,
) -> tuple[anomalies_pb2.Anomalies, list[Anomaly]]:
    """TFDV's proto, for the artifact, and what it says in our terms."""
    import tensorflow_data_validation as tfdv  # after TFX, see above

    found = tfdv.validate_statistics(without_empty(statistics, schema), schema)
    return found, [*describe(split, found, schema), *without_objects(split, statistics)]


def without_empty(
    statistics: statistics_pb2.DatasetFeatureStatisticsList, schema: schema_pb2.Schema
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """A copy without the optional features that have no value in any example.

    TFDV gives the minimum of no values as 0, which the schema of a class id forbids;
    a split of negative images alone is valid.
    """
    required = {f.name for f in schema.feature if f.presence.min_count}
    kept = statistics_pb2.DatasetFeatureStatisticsList()
    kept.CopyFrom(statistics)
    for dataset in kept.datasets:
        for index in range(len(dataset.features) - 1, -1, -1):
            feature = dataset.features[index]
            counts = getattr(feature, feature.WhichOneof("stats")).common_stats
            if not counts.tot_num_values and _name(feature) not in required:
                del dataset.features[index]
    return kept


def without_objects(
    split: str, statistics: statistics_pb2.DatasetFeatureStatisticsList
) -> list[Anomaly]:
    """A warning about a split that has images and no objects."""
    return [
        Anomaly(
            split=split,
            feature=OBJECT_COUNT,
            severity="WARNING",
            found=f"no object in its {counted(dataset.num_examples, 'image')}",
            expected="objects, without which its mAP is undefined",
        )
        for dataset in statistics.datasets
        for feature in dataset.features
        if _name(feature) == OBJECT_COUNT and dataset.num_examples
        if not feature.num_stats.max
    ]


def _name(feature: statistics_pb2.FeatureNameStatistics) -> str:
    return feature.name or ".".join(feature.path.step)


def describe(
    split: str, found: anomalies_pb2.Anomalies, schema: schema_pb2.Schema
) -> list[Anomaly]:
    """One Anomaly for each of TFDV's, with the schema's words on the feature."""
    expectations = {feature.name: feature for feature in schema.feature}
    anomalies = [
        Anomaly(
            split=split,
            feature=name,
            severity=anomalies_pb2.AnomalyInfo.Severity.Name(info.severity),
            found=" ".join(info.description.split()),
            expected=_expectation(expectations.get(name)),
        )
        for name, info in sorted(found.anomaly_info.items())
    ]
    if found.HasField("dataset_anomaly_info"):
        info = found.dataset_anomaly_info
        severity = anomalies_pb2.AnomalyInfo.Severity.Name(info.severity)
        anomalies.append(
            Anomaly(split, "data set", severity, info.description, "examples")
        )
    return anomalies


def _expectation(feature: schema_pb2.Feature | None) -> str:
    if feature is None:
        return "no such feature"
    return " ".join(
        text_format.MessageToString(feature, as_one_line=True).split()
    ).replace(f'name: "{feature.name}" ', "")
