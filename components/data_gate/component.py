"""Stage: stops the run where the data breaks the schema or has drifted."""

import json
import logging
import os

from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import io_utils
from tfx.v1.dsl.components import InputArtifact, OutputArtifact, Parameter, component

from components.data_gate import drift, gate, validation
from components.data_gate.config import DriftConfig
from components.data_gate.judged_split import judged_split
from components.data_gate.profile import profile_of
from components.data_gate.slices import Ranges, require_slices, sides_and_brightness
from schemas.config_json import from_json

_LOGGER = logging.getLogger(__name__)
VERDICT_FILE = "verdict.json"
_RANKED_CLASSES = 1000  # how many values of a feature TFDV's statistics list


@component
def DataGate(
    statistics: InputArtifact[standard_artifacts.ExampleStatistics],
    schema: InputArtifact[standard_artifacts.Schema],
    anomalies: OutputArtifact[standard_artifacts.ExampleAnomalies],
    drift_config: Parameter[str],
    gate_split: Parameter[str],
    gate_slices: Parameter[str],
    source_digest: Parameter[str],
    earlier_statistics: InputArtifact[standard_artifacts.ExampleStatistics] = None,
) -> None:
    """Validates every split, compares with an earlier span where one is given.

    Writes `anomalies` as TFX's ExampleValidator does, with `verdict.json` beside
    them, and raises DataRefusedError where that one records and goes on. Raises
    UserError where the data lack `gate_split`, on which the model is to be judged, or
    where nothing in it can be in one of `gate_slices`, the gate's slices as JSON.
    """
    del source_digest  # only there for the cache to see
    config = from_json(DriftConfig, drift_config, "drift")
    splits = artifact_utils.decode_split_names(statistics.split_names)
    # later than here, a training would be lost
    judged = judged_split(gate_split, splits)
    expectations = validation.load_schema(schema.uri)
    found: list[gate.Anomaly] = []
    classes: set[str] = set()
    ranges: Ranges = {}
    for split in splits:
        stats = validation.load_statistics(
            artifact_utils.get_split_uri([statistics], split)
        )
        classes |= profile_of(stats).class_counts.keys()
        if split == judged:
            ranges = sides_and_brightness(stats)
        proto, described = validation.find_anomalies(split, stats, expectations)
        found += described
        directory = os.path.join(anomalies.uri, f"Split-{split}")
        fileio.makedirs(directory)
        io_utils.write_bytes_file(
            os.path.join(directory, "SchemaDiff.pb"), proto.SerializeToString()
        )
    all_ranked = len(classes) < _RANKED_CLASSES  # of more, the rarest are not told
    known = classes if all_ranked else None
    require_slices(json.loads(gate_slices), known, judged, ranges)
    anomalies.split_names = statistics.split_names
    results: tuple[drift.DriftResult, ...] = ()
    if earlier_statistics is not None:
        now, before = (
            profile_of(
                validation.load_statistics(
                    artifact_utils.get_split_uri([source], config.split)
                )
            )
            for source in (statistics, earlier_statistics)
        )
        results = drift.compare(now, before, config)
    verdict = gate.decide(found, results, config)
    # TFX deletes the outputs of a stage that raises: a refusal is kept beside them.
    refused = os.path.join(os.path.dirname(anomalies.uri), "refused")
    io_utils.write_string_file(
        os.path.join(anomalies.uri if verdict.passed else refused, VERDICT_FILE),
        json.dumps({"passed": verdict.passed, "reasons": verdict.reasons}, indent=1),
    )
    _LOGGER.info("data gate: %s", "; ".join(verdict.reasons) or "no anomaly")
    gate.refuse_unless_passed(verdict)
