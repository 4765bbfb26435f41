"""Whether an engine that is to run already does, before anything else is done."""

from pipeline.beam.choice import BeamConfig, given

# What messages call that which takes a runner's jobs.
_JOB_SERVERS = {
    "prism": "Prism",
    "flink": "the Flink job server",
    "spark": "the Spark job server",
}


def require_engine(config: BeamConfig) -> None:
    """Asks the job servers that pipelines are told of; imports Beam if there are any.

    Raises:
      UserError: one cannot read a flag that it is told.
      UnavailableError: one does not answer.
    """
    named = any("--job_endpoint" in given(args) for _, args in config.told())
    if named and config.runner in _JOB_SERVERS:
        from pipeline.beam import job_service

        job_service.require_job_servers(config, _JOB_SERVERS[config.runner])
