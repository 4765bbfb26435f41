"""`voc-pipeline submit` and `schedule`, against a server on loopback."""

import json

import pytest

from pipeline.__main__ import main
from pipeline.on_kubeflow.server import TRIES, Server
from schemas.user_error import UserError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """No waiting between the tries."""
    monkeypatch.setattr(Server.__init__, "__defaults__", ("", 0.0))


def submit(kfp, package, *options):
    arguments = ["submit", "--host", kfp.url, "--package", package]
    return main([*arguments, "--poll-seconds", "0", *options])


def test_a_run_starts_with_its_root_and_typed_parameters(kfp, package, capsys):
    options = ("--root", "gs://b/root", "--set", "span=8", "--set", "train_steps=50")

    assert submit(kfp, package, *options) == 0

    (run,) = kfp.runs
    assert run["runtime_config"] == {
        "parameters": {"span": "8", "train_steps": 50},
        "pipeline_root": "gs://b/root",
    }
    assert run["pipeline_spec"]["pipeline_spec"]["pipelineInfo"]["name"] == "voc-demo"
    assert "platforms" in run["pipeline_spec"]["platform_spec"]
    assert run["experiment_id"] == "e0"
    assert capsys.readouterr().out == "SUBMITTED r0\n"


def test_without_a_root_the_cluster_takes_its_own(kfp, package):
    assert submit(kfp, package) == 0
    assert "pipeline_root" not in kfp.runs[0]["runtime_config"]


def test_an_experiment_is_made_once(kfp, package):
    assert [submit(kfp, package), submit(kfp, package)] == [0, 0]
    assert len(kfp.experiments) == 1
    assert len({run["display_name"] for run in kfp.runs}) == 2


@pytest.mark.parametrize(
    ("states", "status"),
    [
        (["RUNNING", "SUCCEEDED"], 0),
        (["RUNNING", "FAILED"], 1),
        (["PENDING", "CANCELED"], 1),
    ],
)
def test_waiting_ends_by_the_runs_state(kfp, package, states, status, capsys):
    kfp.states = states

    assert submit(kfp, package, "--wait", "--json") == status

    told = capsys.readouterr()
    assert json.loads(told.out)["state"] == states[-1]
    assert all(state in told.err for state in states)


def test_a_failed_stage_tells_its_error_in_one_line(kfp, package, capsys):
    kfp.states = ["FAILED"]

    submit(kfp, package, "--wait")

    line = "DataGate: voc-pipeline: schema: no class 'dog'\n"
    assert line in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (("GET", "/healthz", 401, {"message": "no token"}), "refuses the login (401"),
        (("GET", "/healthz", 404, {"message": "no such route"}), "no such route (404)"),
        (("GET", "/healthz", 200, "<html>Log in</html>"), "answers with a page"),
        (("POST", "/runs", 409, {"message": "already exist"}), "already exist (409)"),
        (("POST", "/runs", 400, {"message": "bad\nspec"}), "bad spec (400)"),
    ],
)
def test_what_the_server_refuses_is_one_line(kfp, package, answer, message, capsys):
    kfp.first = [answer]

    assert submit(kfp, package) == 2

    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_a_server_that_is_not_there_is_one_line(kfp, package, capsys):
    kfp.url = "http://127.0.0.1:1"

    assert submit(kfp, package) == 2

    err = capsys.readouterr().err
    assert "http://127.0.0.1:1 cannot be reached" in err
    assert err.count("\n") == 1


def test_a_server_that_fails_for_a_while_is_asked_again(kfp, package):
    kfp.first = [("GET", "/healthz", 503, {}), ("POST", "/runs", 502, {})]

    assert submit(kfp, package) == 0
    assert len(kfp.runs) == 1


def test_a_server_that_goes_on_failing_is_one_line(kfp, package, capsys):
    kfp.first = [("GET", "/healthz", 503, {"message": "starting"})] * 4

    assert submit(kfp, package) == 2
    assert "failed (503: starting)" in capsys.readouterr().err


def test_a_run_whose_answer_was_lost_is_not_started_twice(kfp, package, capsys):
    kfp.first = [("POST", "/runs", 599, {})]

    assert submit(kfp, package) == 0
    assert len(kfp.runs) == 1
    assert capsys.readouterr().out == "SUBMITTED r0\n"


def test_a_pods_token_is_sent(kfp, package, tmp_path, monkeypatch):
    token = tmp_path / "token"
    token.write_text("secret\n")
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(token))

    submit(kfp, package)

    headers = [headers["authorization"] for *_, headers in kfp.requests]
    assert set(headers) == {"Bearer secret"}


def test_a_rotated_token_is_read_again(kfp, tmp_path, monkeypatch):
    token = tmp_path / "token"
    token.write_text("first\n")
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(token))
    kfp.states = ["RUNNING", "SUCCEEDED"]

    # What the kubelet does within two hours, in the middle of a training.
    Server(kfp.url).wait("r0", 0, lambda state: token.write_text("second\n"))

    headers = [headers["authorization"] for *_, headers in kfp.requests]
    assert headers == ["Bearer first"] * 2 + ["Bearer second"]


def test_a_token_that_is_not_there_is_one_line(kfp, package, monkeypatch, capsys):
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", "/nowhere/token")

    assert submit(kfp, package) == 2

    err = capsys.readouterr().err
    assert "/nowhere/token" in err
    assert err.count("\n") == 1


class Clock:
    """Time that passes only where somebody sleeps."""

    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds


def wait(kfp, told, clock):
    timing = {"clock": clock, "sleep": clock.sleep}
    return Server(kfp.url).wait("r0", 100.0, told.append, **timing)


def fail(kfp, seconds):
    """The server fails for as long, when it is asked each 100 s, TRIES times."""
    answer = ("GET", "/runs/r0", 503, {"message": "upgrade"})
    kfp.first += [answer] * (TRIES * (seconds // 100))


def test_waiting_outlives_a_server_that_fails_for_minutes(kfp):
    kfp.states = ["RUNNING", "SUCCEEDED"]
    fail(kfp, 500)
    told, clock = [], Clock()

    assert wait(kfp, told, clock).state == "SUCCEEDED"

    outage = f"{kfp.url} failed (503: upgrade); asked again"
    assert told == [outage, "RUNNING", "SUCCEEDED"]
    assert clock.now_s == 600


def test_waiting_ends_where_the_server_never_comes_back(kfp):
    fail(kfp, 800)
    clock = Clock()

    with pytest.raises(UserError, match=r"failed \(503: upgrade\)"):
        wait(kfp, [], clock)

    assert clock.now_s == 600


def test_waiting_outlives_a_server_that_cannot_be_reached(kfp):
    kfp.states = ["SUCCEEDED"]
    kfp.first = [("GET", "/runs/r0", 0, {})] * TRIES
    told = []

    assert wait(kfp, told, Clock()).state == "SUCCEEDED"
    assert "cannot be reached" in told[0]


@pytest.mark.parametrize("earlier", [1, 3])
@pytest.mark.parametrize("lost", [502, 599, 0])
def test_an_earlier_run_of_the_same_name_is_not_taken_for_this_one(
    kfp, package, capsys, earlier, lost
):
    for _ in range(earlier):
        submit(kfp, package, "--run-name", "weekly")
    capsys.readouterr()
    kfp.first = [("POST", "/runs", lost, {})]

    assert submit(kfp, package, "--run-name", "weekly") == 0

    assert capsys.readouterr().out == f"SUBMITTED r{earlier}\n"
    assert len(kfp.runs) == earlier + 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--root", "/data/root"), "knows gs://, s3://, minio:// only"),
        (("--set", "spam=8"), "there are: data, span, push_destination, train_steps"),
        (("--set", "train_steps=many"), "train_steps is a number"),
        (("--set", "data=s3://b/voc"), "no file system for s3://"),
        (("--package", "nothing.yaml"), "cannot be read"),
        (("--host", "localhost:8888"), "a URL, such as http://localhost:8888"),
    ],
)
def test_what_can_be_told_before_the_server_is_asked(
    kfp, package, options, message, capsys
):
    assert submit(kfp, package, *options) == 2
    assert message in capsys.readouterr().err
    assert kfp.requests == []


def schedule(kfp, action, *options):
    return main(["schedule", action, "--host", kfp.url, *options])


def create(kfp, package, *options):
    fixed = ("--package", package, "--name", "weekly", "--root", "gs://b/root")
    return schedule(kfp, "create", *fixed, *options)


def test_a_schedule_takes_five_fields_and_tells_how_it_reads_them(kfp, package, capsys):
    assert create(kfp, package, "--cron", "0 3 * * 1", "--set", "span=latest") == 0

    (made,) = kfp.schedules
    assert made["trigger"] == {"cron_schedule": {"cron": "0 0 3 * * 1"}}
    assert made["no_catchup"] is True
    assert made["max_concurrency"] == "1"
    assert made["runtime_config"]["pipeline_root"] == "gs://b/root"
    out = capsys.readouterr().out
    assert "second 0, minute 0, hour 3, any day of month, any month" in out
    assert "UTC unless it was set" in out


def test_a_schedule_lives_through_its_life(kfp, package, capsys):
    create(kfp, package, "--cron", "0 3 * * 1")
    named = ("--name", "weekly")

    assert schedule(kfp, "pause", *named) == 0
    assert kfp.schedules[0]["status"] == "DISABLED"
    assert schedule(kfp, "resume", *named) == 0
    assert kfp.schedules[0]["status"] == "ENABLED"
    assert schedule(kfp, "run-now", *named) == 0
    assert kfp.runs[0]["runtime_config"]["pipeline_root"] == "gs://b/root"
    capsys.readouterr()
    assert schedule(kfp, "list", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["name"], row["cron"]) == ("weekly", "0 0 3 * * 1")
    assert schedule(kfp, "delete", *named) == 0
    assert kfp.schedules == []


def test_a_name_is_taken_once_and_an_unknown_one_lists_the_known(kfp, package, capsys):
    create(kfp, package, "--cron", "0 3 * * 1")

    assert create(kfp, package, "--cron", "0 4 * * 1") == 2
    assert schedule(kfp, "pause", "--name", "daily") == 2
    assert "no schedule 'daily'; there are: weekly" in capsys.readouterr().err
    assert len(kfp.schedules) == 1
