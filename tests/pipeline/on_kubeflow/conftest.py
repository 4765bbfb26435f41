"""A server on loopback that speaks as much of KFP's v2beta1 HTTP API as is called."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

API = "/apis/v2beta1"
FAILED_TASK = {
    "display_name": "DataGate",
    "state": "FAILED",
    "error": {"code": 2, "message": "voc-pipeline: schema:\n  no class 'dog'"},
}


class FakeKfp:
    """The server's state, and answers that it is told to give first."""

    def __init__(self):
        self.experiments, self.runs, self.schedules = [], [], []
        self.states = ["PENDING", "RUNNING", "SUCCEEDED"]
        self.first = []  # (method, path's end, status, body), used up one by one
        self.requests = []
        self.url = ""

    def scripted(self, method, path):
        """Status and body that this request is to be answered with; None twice else."""
        if self.first:
            asked, end, status, answer = self.first[0]
            if asked == method and path.endswith(end):
                self.first.pop(0)
                if status == 599:  # it does as asked, but its answer is lost
                    self.answer(method, path, {}, dict(self.requests[-1][2]))
                    status = 502
                return status, answer
        return None, None

    def answer(self, method, path, query, body):
        """Status and JSON of one request."""
        kind, _, name = path.removeprefix(f"{API}/").partition("/")
        resources = {
            "healthz": lambda *_: {"multi_user": False},
            "experiments": self.answer_experiments,
            "runs": self.answer_runs,
            "recurringruns": self.answer_schedules,
        }
        if kind not in resources:
            return 404, {"message": f"{method} {path} not found"}
        wanted = json.loads(query.get("filter", ['{"predicates": []}'])[0])
        names = [p["stringValue"] for p in wanted["predicates"]]
        assert {p["key"] for p in wanted["predicates"]} <= {"display_name"}
        answer = resources[kind](method, name, names, body, query)
        if kind == "runs" and "runs" in answer:  # two a page
            first = int(query.get("page_token", ["0"])[0] or 0)
            more = {"next_page_token": str(first + 2)}
            rest = more if answer["runs"][first + 2 :] else {}
            answer = {"runs": answer["runs"][first : first + 2], **rest}
        return 200, answer

    def answer_experiments(self, method, name, names, body, query):
        if method == "POST":
            body["experiment_id"] = f"e{len(self.experiments)}"
            self.experiments.append(body)
            return body
        named = [one for one in self.experiments if one["display_name"] in names]
        return {"experiments": named}

    def answer_runs(self, method, name, names, body, query):
        if method == "POST":
            body["run_id"] = f"r{len(self.runs)}"
            self.runs.append(body)
            return body
        if not name:
            (experiment_id,) = query["experiment_id"]
            runs = [r for r in self.runs if r["experiment_id"] == experiment_id]
            if query.get("sort_by") == ["created_at desc"]:
                return {"runs": runs[::-1]}
            return {"runs": [one for one in runs if one["display_name"] in names]}
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        details = {"task_details": [FAILED_TASK]} if state == "FAILED" else {}
        return {"run_id": name, "state": state, "run_details": details}

    def answer_schedules(self, method, name, names, body, query):
        name, _, action = name.partition(":")
        if method == "DELETE":
            kept = [one for one in self.schedules if one["recurring_run_id"] != name]
            self.schedules = kept
        elif action:
            for schedule in self.schedules:
                if schedule["recurring_run_id"] == name:
                    schedule["status"] = f"{action.upper()}D"
        elif method == "POST":
            body["recurring_run_id"] = f"s{len(self.schedules)}"
            self.schedules.append({**body, "status": "ENABLED"})
            return body
        return {"recurringRuns": self.schedules}


@pytest.fixture
def kfp():
    fake = FakeKfp()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self):
            split = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or "null")
            fake.requests.append((self.command, split.path, body, self.headers))
            status, answer = fake.scripted(self.command, split.path)
            if status == 0:  # the connection breaks
                self.close_connection = True
                return
            if status is None:
                query = parse_qs(split.query)
                status, answer = fake.answer(self.command, split.path, query, body)
            text = answer if isinstance(answer, str) else json.dumps(answer)
            self.send_response(status)
            kind = "text/html" if text.startswith("<") else "application/json"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_DELETE = reply  # noqa: N815  names of the base class

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_port}"
    yield fake
    server.shutdown()
    server.server_close()


PACKAGE = """
pipelineInfo: {name: voc-demo}
root:
  inputDefinitions:
    parameters:
      data: {parameterType: STRING, defaultValue: gs://voc}
      span: {parameterType: STRING, defaultValue: ''}
      push_destination: {parameterType: STRING, defaultValue: gs://served}
      train_steps: {parameterType: NUMBER_INTEGER, defaultValue: 0}
---
platforms: {kubernetes: {deploymentSpec: {executors: {}}}}
"""


@pytest.fixture
def package(tmp_path):
    path = tmp_path / "pipeline.yaml"
    path.write_text(PACKAGE)
    return str(path)
