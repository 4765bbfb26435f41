#!/usr/bin/env bash
# google-cloud-storage asks for the metadata of a bucket when a program looks for one object
# in it: in a thread of its own, with retries, for the attributes of traces, though tracing
# is off (it is unless asked for). The question needs the permission storage.buckets.get,
# which those who may only read objects lack: the audit log of a bucket of training images
# gets refusals, a test or a fake store that counts requests sees more than were made, and
# each new client, as in each worker of a job, asks anew.
# Known as issue 17650 of google-cloud-python, open in September 2026; the variable of the
# environment that turns it off is named in pull request 18203, not in the documentation.
#
# One blob.exists() against a server on loopback, and what it is asked in the 6 seconds
# that follow, by its answer about the bucket.
# Seen with google-cloud-storage 3.17.1, Python 3.11:
#   200: the object 1, the bucket 1
#   403: the object 1, the bucket 1
#   503: the object 1, the bucket several times
#   503, turned off: the object 1, the bucket 0
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet google-cloud-storage==3.17.1
cat > "$place/run.py" <<'PYTHON'
import collections, http.server, json, os, sys, threading, time

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

answer = int(sys.argv[1])
asked = collections.Counter()


class Store(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        place = self.path.partition("?")[0]
        kind = "object" if place.endswith("/b/images/o/dog.jpg") else "bucket"
        assert kind == "object" or place.endswith("/b/images"), place
        asked[kind] += 1
        body = json.dumps({"name": "dog.jpg" if kind == "object" else "images"}).encode()
        self.send_response(200 if kind == "object" else answer)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


assert "ENABLE_GCS_PYTHON_CLIENT_OTEL_TRACES" not in os.environ
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = storage.Client(
    project="none", credentials=AnonymousCredentials(),
    client_options={"api_endpoint": f"http://127.0.0.1:{server.server_port}"})
client.bucket("images").blob("dog.jpg").exists()
time.sleep(6)
bucket = "several times" if asked["bucket"] > 1 else asked["bucket"]
off = ", turned off" if os.environ.get("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA") else ""
print(f"{answer}{off}: the object {asked['object']}, the bucket {bucket}", flush=True)
os._exit(0)
PYTHON
seen=$(
  for answer in 200 403 503; do "$place/venv/bin/python" "$place/run.py" $answer; done
  DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA=true "$place/venv/bin/python" "$place/run.py" 503
)
echo "$seen"
[ "$seen" = "200: the object 1, the bucket 1
403: the object 1, the bucket 1
503: the object 1, the bucket several times
503, turned off: the object 1, the bucket 0" ] ||
  { echo "this has changed" >&2; exit 1; }
