"""Stage: a blessed model that passed the serving check is pushed; no other is."""

import json
import logging

from tfx.types import standard_artifacts
from tfx.utils import path_utils
from tfx.v1.dsl.components import InputArtifact, OutputArtifact, Parameter, component

from components.baseline import served_models
from components.baseline.component import IDENTITY_PROPERTY
from components.baseline.push import NotPushedError, push
from components.pusher.run_record import judged_images_of_run, record_of_run

_LOGGER = logging.getLogger(__name__)


@component
def ModelPusher(
    model: InputArtifact[standard_artifacts.Model],
    baseline: InputArtifact[standard_artifacts.Model],
    evaluation_result: InputArtifact[standard_artifacts.ModelEvaluation],
    blessing: InputArtifact[standard_artifacts.ModelBlessing],
    serving_blessing: InputArtifact[standard_artifacts.InfraBlessing],
    pushed_model: OutputArtifact[standard_artifacts.PushedModel],
    push_destination: Parameter[str],
    fingerprint: Parameter[str],
    data: Parameter[str],
    span: Parameter[str],
    origin: Parameter[str],
    earlier_push: Parameter[str],
    source_digest: Parameter[str],
) -> None:
    """Copies the model under the push destination, whole or not at all.

    TFX's own Pusher copies straight into the folder that a server watches, so that a
    server can load half a model; hence this one. `data`, `span` and `origin`, JSON, say
    what the run was made from, for whoever asks later. `earlier_push` names a version
    that an earlier run pushed and that is gone, or counts the pushes that were refused
    since another model had come to serve, so that the cache sees either.
    """
    del source_digest, earlier_push  # only there for the cache to see
    blessed = blessing.get_int_custom_property("blessed") == 1
    servable = serving_blessing.get_int_custom_property("blessed") == 1
    pushed_model.set_int_custom_property("pushed", 0)
    if not (blessed and servable):
        _LOGGER.info("not pushed: blessed %s, servable %s", blessed, servable)
        return
    model_path = path_utils.serving_model_path(model.uri)
    record = record_of_run(
        model_path,
        judged_against=baseline.get_string_custom_property(IDENTITY_PROPERTY),
        evaluation_uri=evaluation_result.uri,
        blessing_uri=blessing.uri,
        serving_uri=serving_blessing.uri,
        fingerprint=fingerprint,
        origin={"data": data, "span": span, **json.loads(origin)},
    )
    try:
        before = served_models.serving(push_destination)
        judged = judged_images_of_run(evaluation_result.uri)
        served = push(model_path, push_destination, record, judged)
    except NotPushedError as error:
        _LOGGER.warning("not pushed: %s", error)
        pushed_model.set_string_custom_property("not_pushed", str(error))
        return
    pushed_model.set_int_custom_property("pushed", 1)
    already = before is not None and before.version == served.version
    pushed_model.set_int_custom_property("served_already", int(already))
    pushed_model.set_string_custom_property("pushed_destination", served.path)
    pushed_model.set_string_custom_property("pushed_version", str(served.version))
    pushed_model.set_string_custom_property("model_digest", record.model_digest)
