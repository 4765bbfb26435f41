"""What people do with served versions: go back, refuse one, take old ones away."""

import dataclasses
import os
import shutil
import uuid

from apache_beam.io.filesystems import FileSystems

from components.baseline import folders
from components.baseline.history import (
    REJECT,
    ROLLBACK,
    Decision,
    signed,
    withdrawn,
    write_down,
)
from components.baseline.push import copy_version, in_turn, next_version
from components.baseline.push_record import PushRecord
from components.baseline.served_models import (
    GRAPH_FILE,
    ServedModel,
    baseline,
    model_digest,
    served_models,
)
from schemas.user_error import UserError


def version_of(destination: str, version: int) -> ServedModel:
    """The version of this number; UserError that lists those that exist."""
    models = served_models(destination)
    for model in models:
        if model.version == version:
            return model
    known = ", ".join(str(model.version) for model in models) or "none"
    raise UserError(f"{destination} has no version {version}; there are: {known}")


def rollback(destination: str, to: int | None, because: str) -> ServedModel:
    """Lets an earlier model serve again, as a new version with a higher number.

    A server that loads the newest version takes it like any push, on any file system.
    The one that served until now is not pushed again, and no run is judged against it.
    One that was withdrawn and is named all the same is withdrawn no more.

    Args:
      destination: folder of the numbered versions.
      to: version to go back to; None for the newest earlier one that nobody withdrew.
      because: why, for whoever asks later.
    """
    with in_turn(destination):
        models = served_models(destination)
        if not models:
            raise UserError(f"{destination} serves nothing: nothing to go back from")
        serving = models[-1]
        serving_digest = model_digest(serving.path)
        target = (
            _earlier(destination, models, serving_digest)
            if to is None
            else version_of(destination, to)
        )
        target_digest = model_digest(target.path)
        if target_digest == serving_digest:
            raise UserError(
                f"version {target.version} is the model that serves, as version "
                f"{serving.version}; name another one"
            )
        version = next_version(destination)
        final = folders.inside(destination, str(version))
        record = dataclasses.replace(
            target.record or _of_unknown_origin(target), copy_of=target.version
        )
        decision = signed(
            Decision(
                action=ROLLBACK,
                version=serving.version,
                model_digest=serving_digest,
                because=because,
                serves=version,
                serves_digest=target_digest,
            )
        )
        record = dataclasses.replace(
            record, pushed_at=decision.when, pushed_by=decision.who
        )
        copy_version(target.path, final, record)
        write_down(destination, decision)
    return ServedModel(version, final, record)


def reject(destination: str, version: int, because: str) -> None:
    """Makes sure that a version's model never serves again.

    Raises UserError where it serves now: something else must take its place.
    """
    with in_turn(destination):
        model = version_of(destination, version)
        digest = model_digest(model.path)
        if digest == model_digest(served_models(destination)[-1].path):
            raise UserError(
                f"version {version} serves; `rollback` lets another one take its place "
                "and rejects it"
            )
        decision = Decision(
            action=REJECT, version=version, model_digest=digest, because=because
        )
        write_down(destination, signed(decision))


def collect_garbage(destination: str, keep: int) -> list[int]:
    """Deletes all but the newest `keep` versions; returns the numbers deleted.

    What serves stays whatever `keep` says, and so do the baseline and the version that
    the one that serves was judged against.
    """
    if keep < 1:
        raise UserError(f"--keep {keep}: keep at least the version that serves")
    with in_turn(destination):
        models = served_models(destination)
        needed = {model.version for model in models[-keep:]}
        compared_with = baseline(destination)
        if compared_with:
            needed.add(compared_with.version)
        if models and models[-1].record:
            judged = models[-1].record.judged_against.partition(":")[0]
            needed |= {int(judged)} if judged.isdigit() else set()
        gone = [model for model in models if model.version not in needed]
        for model in gone:
            _delete(model.path)
    return [model.version for model in gone]


def _earlier(
    destination: str, models: list[ServedModel], serving_digest: str
) -> ServedModel:
    refused = withdrawn(destination).keys() | {serving_digest}
    for model in reversed(models[:-1]):
        if model_digest(model.path) not in refused:
            return model
    raise UserError(
        f"{destination} holds no earlier model that nobody withdrew; name a version"
    )


def _of_unknown_origin(model: ServedModel) -> PushRecord:
    return PushRecord(
        fingerprint="", judged_against="", model_digest=model_digest(model.path)
    )


def _delete(path: str) -> None:
    """Takes a version away at once for whoever lists it, then its files."""
    if folders.is_local(path):
        aside = os.path.join(os.path.dirname(path), f".incoming-{uuid.uuid4().hex}")
        os.rename(path, aside)
        if os.path.islink(aside):
            os.unlink(aside)  # what it leads to is not ours to delete
        else:
            shutil.rmtree(aside)
        return
    FileSystems.delete([folders.inside(path, GRAPH_FILE)])
    FileSystems.delete(
        [folders.inside(path, name) for name in folders.files_below(path)]
    )
