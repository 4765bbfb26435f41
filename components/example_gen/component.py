"""Stage: a VOC data set becomes checked examples, annotations and a report."""

import os

import apache_beam as beam
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.experimental import simple_artifacts
from tfx.v1.dsl.components import (
    BeamComponentParameter,
    OutputArtifact,
    Parameter,
    component,
)

from components.example_gen.config import IngestConfig
from components.example_gen.ingest import ingest
from components.example_gen.output.directories import OutputDirs, keep_report
from components.example_gen.output.ingest_report import (
    OverBudgetError,
    check_budget,
    check_trainable,
)
from components.example_gen.shards.tfrecord import make_directory
from components.example_gen.source import spans
from components.example_gen.source.digest import unchanged
from schemas.config_json import from_json
from schemas.user_error import UserError


@component(use_beam=True)
def VocExampleGen(
    examples: OutputArtifact[standard_artifacts.Examples],
    annotations: OutputArtifact[standard_artifacts.Examples],
    report: OutputArtifact[simple_artifacts.File],
    data: Parameter[str],
    span: Parameter[str],
    ingest_config: Parameter[str],
    data_digest: Parameter[str],
    source_digest: Parameter[str],
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Writes `examples`, the same without image bytes as `annotations`, a `report`.

    `report` is a folder: report.json, report.html, rejects.jsonl, recorded.jsonl. (Of
    artifact types of our own, Kubeflow's compiler takes none in a package's module.)

    Raises UserError for unusable data, and for data over its budget before anything
    is trained on it; TFX then deletes the outputs, so the report is kept beside them.
    """
    del source_digest  # only there for the cache to see
    config = from_json(IngestConfig, ingest_config, "ingest")
    resolved = spans.resolve(data, span)
    dirs = OutputDirs(examples.uri, annotations.uri, report.uri)
    for artifact in (examples, annotations, report):
        make_directory(artifact.uri)  # TFX's local runner has, Kubeflow has not
    kept_at = os.path.join(os.path.dirname(report.uri), "refused")
    try:
        with unchanged(data, span, data_digest):
            result = ingest(resolved, dirs, config, lambda: beam_pipeline)
        check_budget(result, config, os.path.join(kept_at, "report.html"))
        check_trainable(result)
    except UserError as error:
        error.span = resolved.span
        if isinstance(error, OverBudgetError):
            keep_report(report.uri, kept_at)
        raise
    for artifact in (examples, annotations):
        names = artifact_utils.encode_split_names(list(result.splits))
        artifact.split_names = names
        artifact.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
        artifact.span = resolved.span
