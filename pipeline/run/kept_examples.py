"""Ingests a data set for a script, once, and keeps the examples by what made them.

Imports nothing heavy where they are there already.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from components.example_gen.config import IngestConfig
from components.example_gen.ingest import ingest
from components.example_gen.output.directories import whole_output
from components.example_gen.output.ingest_report import check_budget
from components.example_gen.source import spans
from components.example_gen.source.digest import data_digest, unchanged
from pipeline.run.source_digest import source_digest
from schemas.config_json import from_mapping, to_json
from schemas.user_error import UserError

DEFAULT_CACHE = "~/.cache/voc_pipeline"
_MODULES = (
    "components.example_gen.ingest",
    "components.example_gen.shards.worker_process",  # runs in processes of its own
)


def kept_examples(
    data: str, cache: str = "", settings: Mapping[str, Any] = MappingProxyType({})
) -> str:
    """Folder of a data set's examples below `cache`; ingested now if it is not there.

    `settings` are fields of IngestConfig that are not to be the default. The folder's
    name is a digest of the data, of ingest's code and libraries and of its config:
    examples of other data, or of an earlier version, lie beside it and are not read.
    UserError where the data cannot be used or change meanwhile, or a setting is none.
    """
    try:
        config = from_mapping(IngestConfig, settings, "ingest")
    except ValueError as error:
        raise UserError(str(error)) from error
    digest = data_digest(data)
    made_of = "\n".join((digest, source_digest(*_MODULES), to_json(config)))
    name = hashlib.sha256(made_of.encode()).hexdigest()[:32]
    folder = Path(cache or DEFAULT_CACHE).expanduser() / name
    if not (folder / "label_map.txt").is_file():
        with whole_output(str(folder)) as folders, unchanged(data, None, digest):
            report = ingest(spans.resolve(data, None), folders, config)
            where = f"what `voc-pipeline ingest {data} --output checked` writes"
            check_budget(report, config, where)
    return str(folder)
