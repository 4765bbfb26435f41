#!/usr/bin/env bash
# Beam's option --job_server_timeout is, by its help, how long the client waits for an
# answer of the job server, and "does not apply to the actual pipeline run time". It is
# also the deadline of the stream of a job's states: where the job server knows the job
# under the name that it was prepared by (Beam's local job service in Python, Prism), the
# client of a job that runs longer, 300 seconds by default, ends in DEADLINE_EXCEEDED
# while the job runs on. It does not say that the job is well. A job server in Java gives
# the job another name; there the stream is opened without a deadline.
#
# A job of one step that takes 6 seconds, on Beam's local job service.
# Seen with apache-beam 2.77.0, Python 3.11:
#   help: NOTE: the timeout does not apply to the actual pipeline run time.
#   --job_server_timeout=30: done
#   --job_server_timeout=3: DEADLINE_EXCEEDED, before 6 s
set -euo pipefail
place=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet apache-beam==2.77.0
service=apache_beam.runners.portability.local_job_service_main
"$place/venv/bin/python" -m $service --port=8198 > "$place/service.log" 2>&1 &
cat > "$place/run.py" <<'PYTHON'
import logging, re, socket, sys, threading, time

import apache_beam as beam
import grpc
from apache_beam.options.pipeline_options import PortableOptions, _BeamArgumentParser

LOCAL = ["--runner=PortableRunner", "--job_endpoint=localhost:8198",
         "--environment_type=LOOPBACK"]


def run(limit):
    begun = time.time()
    try:
        with beam.Pipeline(argv=[*LOCAL, f"--job_server_timeout={limit}"]) as pipeline:
            _ = pipeline | beam.Create([6.0]) | beam.Map(time.sleep)
    except grpc.RpcError as error:
        return f"{error.code().name}, {'before' if time.time() - begun < 6 else 'after'} 6 s"
    return "done"


logging.disable(logging.CRITICAL)
threading.excepthook = lambda args: None  # of the thread that reads messages
for _ in range(60):  # until it listens
    try:
        socket.create_connection(("localhost", 8198)).close()
        break
    except OSError:
        time.sleep(1)
parser = _BeamArgumentParser()
PortableOptions._add_argparse_args(parser)
told = " ".join(parser.format_help().split())
seen = [
    "help: " + re.search(r"NOTE: the timeout [^.]*run time\.", told)[0],
    f"--job_server_timeout=30: {run(30)}",
    f"--job_server_timeout=3: {run(3)}",
]
print(*seen, sep="\n")
sys.exit(seen != [
    "help: NOTE: the timeout does not apply to the actual pipeline run time.",
    "--job_server_timeout=30: done",
    "--job_server_timeout=3: DEADLINE_EXCEEDED, before 6 s",
])
PYTHON
"$place/venv/bin/python" "$place/run.py"
