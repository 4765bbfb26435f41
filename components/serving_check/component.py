"""Stage: the exported model is loaded and asked as a server would, in a new process."""

import json
import logging
import os
import subprocess
import sys

from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import io_utils, path_utils
from tfx.v1.dsl.components import InputArtifact, OutputArtifact, Parameter, component

_LOGGER = logging.getLogger(__name__)
FINDINGS_FILE = "findings.json"


@component
def ServingCheck(
    examples: InputArtifact[standard_artifacts.Examples],
    model: InputArtifact[standard_artifacts.Model],
    serving_blessing: OutputArtifact[standard_artifacts.InfraBlessing],
    num_images: Parameter[int],
    source_digest: Parameter[str],
) -> None:
    """Blesses a model that `probe` finds nothing wrong with; keeps what it found."""
    del source_digest  # only there for the cache to see
    split_uri = artifact_utils.get_split_uri([examples], "eval")
    command = [
        *(sys.executable, "-m", "components.serving_check.probe"),
        path_utils.serving_model_path(model.uri),
        io_utils.all_files_pattern(split_uri),
        *("--images", str(num_images)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        # A model that cannot even be loaded is a finding, not a crash of this stage.
        last_line = (done.stderr.strip().splitlines() or ["no message"])[-1]
        findings = {"problems": [f"the model does not load or answer: {last_line}"]}
    else:
        findings = json.loads(done.stdout.strip().splitlines()[-1])
    servable = not findings["problems"]
    io_utils.write_string_file(
        os.path.join(serving_blessing.uri, FINDINGS_FILE),
        json.dumps(findings, indent=2, sort_keys=True),
    )
    io_utils.write_string_file(
        os.path.join(
            serving_blessing.uri, "INFRA_BLESSED" if servable else "INFRA_NOT_BLESSED"
        ),
        "",
    )
    serving_blessing.set_int_custom_property("blessed", int(servable))
    _LOGGER.info("serving check: %s", findings)
