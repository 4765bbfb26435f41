"""Stage: the model that serves now becomes the baseline a candidate must match."""

import logging

from tfx.types import standard_artifacts
from tfx.utils import path_utils
from tfx.v1.dsl.components import OutputArtifact, Parameter, component

from components.baseline import folders, served_models
from components.baseline.served_detector import require_comparable

_LOGGER = logging.getLogger(__name__)
IDENTITY_PROPERTY = "served_identity"
LOOK_UP = "look-up"


@component
def BaselineLookup(
    model: OutputArtifact[standard_artifacts.Model],
    push_destination: Parameter[str],
    identity: Parameter[str],
    source_digest: Parameter[str],
) -> None:
    """Copies the served model into an artifact of this run.

    `identity` names the version, as `served_models.baseline_identity` gave it when
    the pipeline was made, so that the cache sees a changed destination; "" is none,
    and "look-up" (a compiled pipeline, which cannot know) takes the newest there is.
    A copy, not a pointer: the evaluation stays repeatable when versions are pruned.
    The artifact of a run without a baseline has the identity "" and no files. A served
    version that no candidate can be compared with stops the run here, before it trains.
    """
    del source_digest  # only there for the cache to see
    if identity == LOOK_UP:
        identity = served_models.baseline_identity(push_destination, own_digest="")
    served = served_models.find(push_destination, identity) if identity else None
    model.set_string_custom_property(
        IDENTITY_PROPERTY, served.identity if served else ""
    )
    if served is None:
        _LOGGER.info("no model to compare with under %s", push_destination)
        return
    copy = path_utils.serving_model_path(model.uri)
    for name in folders.files_below(served.path):
        folders.copy_file(folders.inside(served.path, name), folders.inside(copy, name))
    require_comparable(served)
    _LOGGER.info("baseline is version %d of %s", served.version, push_destination)
