"""What KFP's driver and launcher do between two stages, as a table with its sources.

Paths are in github.com/kubeflow/pipelines under backend/src/v2, as of the tags 2.14.0,
2.15.0, 2.16.1 and 2.17.0, and of the branch `mlmd-removal` of 31 July 2026, which is to
become 3.0. 2.16.1 and 2.17.0 were run, too (kubeflow/README.md). `stand_in.py` does
what stands here and no more; what holds for every version:

| what | where |
|---|---|
| defaults of the root's parameters are filled in | compiler/argocompiler/argo.go |
| a parameter of another JSON type than declared: error; null: error | driver/resolve.go resolveInputs |
| an empty map is left out of what a stage is told | driver/driver.go (protojson.Marshal) |
| numbers are doubles, whatever is declared | driver/resolve.go (structpb.Value) |
| an output is ROOT/PIPELINE/RUN/TASK/SALT/NAME | driver/driver.go provisionOutputs |
| with logs on, `executor-logs` (system.Artifact) is one of the outputs | driver/driver.go provisionOutputs |
| inputs are downloaded to /gcs, /s3, /minio before the command starts | component/launcher_v2.go downloadArtifacts |
| the folder above each output is made, not the output's own | component/launcher_v2.go prepareOutputFolders |
| files are uploaded after it; a folder without files leaves nothing | objectstore/object_store.go UploadBlob |
| the metadata file is parsed strictly: an unknown field is an error | component/launcher_v2.go getExecutorOutputFile |
| of it, URI and metadata of declared outputs are taken | component/launcher_v2.go mergeRuntimeArtifacts |
| metadata: true is 1, a list [x] is {"list": [x]}, {..} is {"struct": {..}}, null: error | metadata/converter.go StructValueToMLMDValue |
| `display_name` and `store_session_info` are added | metadata/client.go RecordArtifact |
| a retried pod gets the same ExecutorInput: the executor alone is retried | compiler/argocompiler/container.go |
| `{{$.inputs...}}` in a command's text is replaced (from 2.17 on by the driver) | driver/util.go resolveContainerArgs |
| a retry's `executor-logs` has `-0`, `-1` at its end (from 2.16 on) | component/launcher_v2.go qualifyExecutorLogsURI |
| the UI draws system.HTML and system.Metrics, by type and URI | frontend/src/components/viewers/MetricsVisualizations.tsx, from the root |

Vertex AI runs no driver and launcher of these. It mounts Cloud Storage at /gcs, names
outputs ROOT/PROJECT/JOB/TASK/NAME (TFX's kubeflow_v2_run_executor.py), takes one document
(google.cloud.aiplatform PipelineJob) and the numeric fields of requests (KFP's SDK,
compiler/pipeline_spec_builder.py). That was read, not run; nothing here plays it.
"""  # noqa: E501  a table

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True, kw_only=True)
class Behaviour:
    """What differs between versions.

    Attributes:
      input_type: an input's type: an empty instanceSchema (metadata/client.go
        GetOutputArtifactsByExecutionId: "figure out how to get schema"), or the whole
        YAML text as schemaTitle (component/importer_launcher.go, inferArtifactType and
        RuntimeArtifactSchemaTitleAndMetadata).
      output_file: where the metadata file lies: under the task's local folder or at a
        fixed path (driver/driver.go provisionOutputs).
      listing: an input's objects are all whose keys start with its own ("prefix"), or
        those in its folder (objectstore/object_store.go DownloadBlob).
      markers: an empty object named as a folder that holds others is left out.
      missing_output: an output without a file or folder: passed over, or an error
        (component/launcher_v2.go uploadOutputArtifacts).
    """

    input_type: Literal["empty", "title"] = "empty"
    output_file: Literal["task", "fixed"] = "task"
    listing: Literal["prefix", "folder"] = "folder"
    markers: Literal["kept", "left out"] = "kept"
    missing_output: Literal["passed over", "error"] = "passed over"


BEHAVIOURS = {
    "2.14.0": Behaviour(output_file="fixed", listing="prefix"),
    "2.15.0": Behaviour(listing="prefix"),
    "2.16.1": Behaviour(listing="prefix"),
    "2.17.0": Behaviour(),
    "3.0": Behaviour(input_type="title", markers="left out", missing_output="error"),
}
