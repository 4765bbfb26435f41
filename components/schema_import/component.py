"""Stage: the curated schema as an artifact."""

import os

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import standard_artifacts
from tfx.utils import io_utils
from tfx.v1.dsl.components import OutputArtifact, Parameter, component


@component
def SchemaImport(
    schema: OutputArtifact[standard_artifacts.Schema], schema_text: Parameter[str]
) -> None:
    """Writes `schema_text`, a text-format Schema proto, as `schema.pbtxt`.

    TFX's ImportSchemaGen takes a path, and its cache key would not see an edited
    file; here the text itself is the parameter.
    """
    text_format.Parse(schema_text, schema_pb2.Schema())
    io_utils.write_string_file(os.path.join(schema.uri, "schema.pbtxt"), schema_text)
