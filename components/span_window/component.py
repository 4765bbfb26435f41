"""Stage: the examples of the spans of a window become one set of examples."""

import logging
from typing import List  # noqa: UP035  TFX reads this one

from tfx.types import artifact_utils, standard_artifacts
from tfx.v1.dsl.components import InputArtifact, OutputArtifact, Parameter, component

from components.span_window.merge import SpanExamples, merge

_LOGGER = logging.getLogger(__name__)


@component
def SpanWindow(
    span_examples: InputArtifact[List[standard_artifacts.Examples]],  # noqa: UP006
    span_annotations: InputArtifact[List[standard_artifacts.Examples]],  # noqa: UP006
    examples: OutputArtifact[standard_artifacts.Examples],
    annotations: OutputArtifact[standard_artifacts.Examples],
    source_digest: Parameter[str],
) -> None:
    """Writes `examples` and `annotations` of all spans, as VocExampleGen does of one.

    The two lists hold the same spans, in any order.
    """
    del source_digest  # only there for the cache to see
    folders = {one.span: one.uri for one in span_annotations}
    spans = [
        SpanExamples(one.span, one.uri, folders[one.span]) for one in span_examples
    ]
    merged = merge(spans, examples.uri, annotations.uri)
    for artifact in (examples, annotations):
        artifact.split_names = artifact_utils.encode_split_names(list(merged.images))
        artifact.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
        artifact.span = max(folders)
    _LOGGER.info(
        "spans %s together: %s%s",
        ", ".join(map(str, sorted(folders))),
        ", ".join(f"{split} {number}" for split, number in merged.images.items()),
        f"; {merged.superseded} images are in a newer span, too, and count there"
        if merged.superseded
        else "",
    )
