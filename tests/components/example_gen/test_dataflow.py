"""The job that ingest would send to Dataflow, made and checked without the service."""

import pytest
from apache_beam.io.gcp import gcsio
from apache_beam.options.pipeline_options import PipelineOptions
from google.cloud import storage

from components.example_gen import transforms
from components.example_gen.config import IngestConfig
from components.example_gen.ingest import pipeline_with
from components.example_gen.shards.shard import ShardJob
from components.example_gen.shards.workers import Hands
from components.example_gen.source import gs
from pipeline.beam.choice import BeamConfig, pipeline_args

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
IMAGE = "europe-docker.pkg.dev/project/voc/pipeline:1"
OPTIONS = (
    *("--project=project", "--region=europe-west4", "--temp_location=gs://bucket/tmp"),
    *(f"--sdk_container_image={IMAGE}", "--job_name=ingest"),
    *("--dry_run=True", "--no_auth"),
)
# Of a request that makes a job: https://cloud.google.com/dataflow/quotas
LARGEST_JOB = 10_000_000
PICTURES = 10_000_000


def test_a_job_for_ten_million_pictures_is_valid_and_small():
    arguments = pipeline_args(BeamConfig(runner="dataflow", args=OPTIONS))
    pipeline = pipeline_with(arguments)
    config = IngestConfig(corners="one_based")
    job = ShardJob("gs://bucket/out/.staging/run", "run", config, (("train", 1.0),))
    shards = PICTURES // config.images_per_shard
    transforms.build(pipeline, shards, job, Hands(processes=1, threads=16))
    pipeline.run()  # Beam's checks of options and coders, and its translation

    sent = pipeline.runner.proto_pipeline
    images = {e.payload for e in sent.components.environments.values()}
    assert images
    assert all(IMAGE.encode() in payload for payload in images)
    names = {t.unique_name for t in sent.components.transforms.values()}
    assert "WriteShards/WriteShard" in names
    assert sent.ByteSize() < LARGEST_JOB / 4


@pytest.mark.parametrize("arguments", [(), (False,)])
def test_beam_has_a_client_where_gs_is_read_as_well(arguments):
    """Dataflow asks with the second argument, whether to use credentials."""
    gs.complete()
    options = PipelineOptions(list(OPTIONS))
    client = gcsio.create_storage_client(options, *arguments)
    assert isinstance(client, storage.Client)
