#!/usr/bin/env bash
# kfp 2.16.1: `kfp run create --watch` (and `--timeout`) of a run that FAILED exits 0.
#
# So `kfp run create --watch && next-step` goes on after a failed run, and a CronJob that
# waits this way succeeds. The state is printed and nothing else tells it.
#
# Seen: "Run is finished with state FAILED.", exit status 0, with kfp 2.16.1 and its API
# client 2.16.1, against a loopback server that answers as KFP's API does (v2beta1).
# Fails if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "$(cat "$work/pid" 2>/dev/null)" 2>/dev/null || true; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet kfp==2.16.1 kfp-server-api==2.16.1 "setuptools<81"

cat > "$work/pipeline.py" <<'PY'
import sys
from kfp import compiler, dsl

@dsl.container_component
def step():
    return dsl.ContainerSpec(image="busybox", command=["false"])

@dsl.pipeline(name="one-step")
def one_step():
    step()

compiler.Compiler().compile(one_step, sys.argv[1])
PY
"$work/venv/bin/python" -W ignore "$work/pipeline.py" "$work/pipeline.yaml"

cat > "$work/server.py" <<'PY'
"""Experiments are made, runs start and have failed when they are asked for."""
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        run = {"run_id": "r", "display_name": "one", "experiment_id": "e",
               "created_at": "2026-01-01T00:00:00Z", "state": "FAILED"}
        if "healthz" in self.path:
            body = {"multi_user": False}
        elif "experiments" in self.path:
            body = {"experiment_id": "e", "display_name": "one"}
            if self.command == "GET" and not self.path.split("?")[0].endswith("/e"):
                body = {"experiments": [body]}
        else:
            body = run
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    do_GET = do_POST = answer
    def log_message(self, *args): pass

server = HTTPServer(("127.0.0.1", 0), Handler)
open(sys.argv[1] + "/port", "w").write(str(server.server_port))
open(sys.argv[1] + "/pid", "w").write(str(os.getpid()))
server.serve_forever()
PY
python3 "$work/server.py" "$work" &
until [ -s "$work/pid" ]; do sleep 0.2; done

status=0
HOME=$work "$work/venv/bin/kfp" --endpoint "http://127.0.0.1:$(cat "$work/port")" \
    run create --experiment-name one --run-name one \
    --package-file "$work/pipeline.yaml" --watch > "$work/out" 2>&1 || status=$?
grep "Run is finished with state FAILED." "$work/out" || { cat "$work/out"; exit 1; }
echo "exit status: $status"
[ "$status" = 0 ] || { echo "changed: a failed run is told by the exit status"; exit 1; }
