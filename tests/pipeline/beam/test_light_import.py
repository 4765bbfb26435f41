"""Beam without what no step of ours asks, in a process that has imported nothing."""

import subprocess
import sys

from schemas import own_process

_IMPORTS = """
import os
import sys
import pipeline.beam.worker
from pipeline.beam import light_import
light_import.import_beam()
found = {name for name in light_import._HIDDEN if name in sys.modules}
assert not found, found
assert os.environ["GRPC_VERBOSITY"] == "ERROR"  # before gRPC has read it
from apache_beam.io.filesystems import FileSystems
for path in ("/a", "gs://bucket/a", "s3://bucket/a"):
    FileSystems.get_filesystem(path)
import pandas
pandas.DataFrame
from google.cloud import bigquery
bigquery.Client
"""


def test_beam_is_imported_without_services_and_these_later_are_there():
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTS],
        env=own_process.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
