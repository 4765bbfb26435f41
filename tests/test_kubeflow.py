"""The deployment files agree with the program; nothing here needs a cluster."""

import argparse
import re
import shlex
from pathlib import Path

import pytest
import yaml

from pipeline.cli import compile as compile_command
from pipeline.cli import retrain as retrain_command
from pipeline.cli import rollback as rollback_command
from pipeline.cli import submit as submit_command
from pipeline.cli import train as train_command
from pipeline.cli.config_options import config_from
from pipeline.overrides import apply_overrides
from pipeline.presets import PRESETS, smoke

KUBEFLOW = Path(__file__).parents[1] / "kubeflow"
ROOT = KUBEFLOW.parent


def load(path):
    return yaml.safe_load((KUBEFLOW / path).read_text("utf-8"))


def settings():
    lines = (KUBEFLOW / "base/settings.env").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def submit_container():
    job = load("base/cronjob.yaml")["spec"]["jobTemplate"]["spec"]
    (container,) = job["template"]["spec"]["containers"]
    return container


def told_by_the_job(command, module):
    """What a command of the job's script is told, with variables' names as values."""
    script = submit_container()["args"][0].replace("\\\n", " ")
    (line,) = [text for text in script.splitlines() if f"pipeline {command}" in text]
    words = [re.sub(r"^\$", "", word) for word in shlex.split(line)][2:]
    words = [word for word in words if word != "COMPILE_OPTIONS"]  # any number of them
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    return vars(parser.parse_args(words))


def test_the_job_compiles_with_options_that_the_command_has():
    told = told_by_the_job("compile", compile_command)
    assert told["preset"] == "PRESET"
    assert told["push_destination"] == "PUSH_DESTINATION"
    assert told["image"] == "IMAGE"


def test_the_job_submits_what_it_compiled_and_fails_with_the_run():
    told = told_by_the_job("submit", submit_command)
    assert told["root"] == "PIPELINE_ROOT"
    assert told["host"] == "KFP_ENDPOINT"
    assert told["package"] == told_by_the_job("compile", compile_command)["output"]
    assert told["service_account"] == "STAGE_ACCOUNT"
    assert told["wait"]
    assert told["if_changed"]


def test_the_image_runs_as_a_number_that_is_not_root():
    # Kubernetes refuses a name where a pod says runAsNonRoot.
    lines = (KUBEFLOW / "Dockerfile").read_text("utf-8").splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users
    assert all(user.isdigit() and user != "0" for user in users)


def test_every_variable_of_the_job_is_set():
    used = set(re.findall(r"\$([A-Z_]+)", submit_container()["args"][0]))
    own = {variable["name"] for variable in submit_container()["env"]}
    assert used == settings().keys() | own


def test_the_preset_of_the_settings_exists():
    assert settings()["PRESET"] in PRESETS


OVERLAYS = ("standalone", "multi-user", "volume")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_names_files_that_are_there_and_hands_the_image_on(overlay):
    folder = Path("overlays") / overlay
    told = load(folder / "kustomization.yaml")
    for path in [*told["resources"], *told.get("components", [])]:
        place = KUBEFLOW / folder / path
        assert place.is_file() or (place / "kustomization.yaml").is_file()
    for patch in told.get("patches", []):
        name = load(folder / patch["path"])["metadata"]["name"]
        assert name == load("base/cronjob.yaml")["metadata"]["name"]
    (image,) = told["images"]
    assert image["name"] == submit_container()["image"]
    (generated,) = told["configMapGenerator"]
    assert {text.split("=")[0] for text in generated["literals"]} <= settings().keys()
    (target,) = told["replacements"][0]["targets"]
    assert target["fieldPaths"][0].endswith("env.[name=IMAGE].value")


def options_of(overlay):
    """What an overlay's job tells `compile` besides."""
    generated = load(f"overlays/{overlay}/kustomization.yaml")["configMapGenerator"]
    own = dict(text.split("=", 1) for text in generated[0]["literals"])
    return {**settings(), **own}["COMPILE_OPTIONS"].split()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlays_options_are_fields_that_there_are(overlay):
    parser = argparse.ArgumentParser()
    parser.add_argument("--set", action="append")

    config = apply_overrides(smoke(), parser.parse_args(options_of(overlay)).set)

    assert config.kubeflow.checkpoint_root
    on_volume = config.kubeflow.volume_claim == "voc-pipeline"
    assert on_volume == (overlay == "volume")


def test_the_job_and_the_stages_mount_the_same_volume():
    claim = load("overlays/volume/volume.yaml")["metadata"]["name"]
    mount = load("overlays/volume/mount.yaml")["spec"]["jobTemplate"]["spec"]
    pod = mount["template"]["spec"]
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim
    assert pod["containers"][0]["volumeMounts"][0]["mountPath"] == "/data"
    assert f"kubeflow.volume_claim={claim}" in options_of("volume")


def documents(path):
    return list(yaml.safe_load_all((KUBEFLOW / path).read_text("utf-8")))


def test_stages_may_read_what_kfp_asks_for_by_name_and_write_nothing_else():
    account, role, binding = documents("components/stage-account/account.yaml")
    assert binding["subjects"][0]["name"] == account["metadata"]["name"]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    written = [rule for rule in role["rules"] if rule["verbs"] != ["get"]]
    assert [rule["resources"] for rule in written] == [["workflowtaskresults"]]
    for rule in role["rules"]:
        if rule["resources"][0] in ("secrets", "configmaps"):
            assert rule["resourceNames"]


@pytest.mark.parametrize("variant", ["base", "volume"])
def test_the_rollback_is_a_command_that_there_is(variant):
    base = documents("serving/base/rollback.yaml")[-1]
    found = load("serving/volume/rollback.yaml") if variant == "volume" else base
    containers = [
        job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
        for job in (base, found)
    ]
    command = containers[1]["command"]
    assert command[:2] == ["voc-pipeline", "rollback"]
    parser = argparse.ArgumentParser()
    rollback_command.add_arguments(parser)
    parser.parse_args([*command[2:], *containers[0]["args"]])
    serving = documents("serving/base/deployment.yaml")[1]
    if variant == "volume":
        serving = load("serving/volume/serving.yaml")
    args = serving["spec"]["template"]["spec"]["containers"][0]["args"]
    assert f"--model_base_path={command[2]}" in args
    assert base["spec"]["suspend"]


def test_the_retraining_job_learns_from_a_window_and_pushes_where_serving_looks():
    pod = documents("retrain/cronjob.yaml")[-1]["spec"]["jobTemplate"]["spec"]
    pod = pod["template"]["spec"]
    (container,) = pod["containers"]
    assert container["command"] == ["voc-pipeline", "retrain"]
    parser = argparse.ArgumentParser()
    retrain_command.add_arguments(parser)
    told = parser.parse_args(container["args"])
    assert told.window > 1
    assert not PRESETS[told.preset]().trainer.model.initial_model  # nor may it, warm
    assert told.warm_start
    (mount,) = container["volumeMounts"]
    for path in (told.data, told.root, told.push_destination):
        assert path.startswith(f"{mount['mountPath']}/")
    (volume,) = pod["volumes"]
    claim = load("overlays/volume/volume.yaml")["metadata"]["name"]
    assert volume["persistentVolumeClaim"]["claimName"] == claim
    server = load("serving/volume/serving.yaml")["spec"]["template"]["spec"]
    assert server["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim
    served = f"--model_base_path={told.push_destination}"
    assert served in server["containers"][0]["args"]
    (image,) = load("retrain/kustomization.yaml")["images"]
    assert image["name"] == container["image"]


def test_a_trainjob_starts_a_training_that_the_command_takes():
    job, runtime = load("training/trainjob.yaml"), load("training/runtime.yaml")
    assert job["spec"]["runtimeRef"]["kind"] == runtime["kind"]
    assert job["spec"]["runtimeRef"]["name"] == runtime["metadata"]["name"]
    trainer = job["spec"]["trainer"]
    assert trainer["command"][:2] == ["voc-pipeline", "train"]
    parser = argparse.ArgumentParser()
    train_command.add_arguments(parser)
    args = parser.parse_args([*trainer["command"][2:], *trainer["args"]])
    config = config_from(args).trainer
    assert config.strategy == "multi_host"
    assert config.input.global_batch_size % trainer["numNodes"] == 0
    assert {"name": "KERAS_BACKEND", "value": "jax"} in trainer["env"]
    (node,) = runtime["spec"]["template"]["spec"]["replicatedJobs"]
    pod = node["template"]["spec"]["template"]["spec"]
    claim = load("overlays/volume/volume.yaml")["metadata"]["name"]
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim
    mount = pod["containers"][0]["volumeMounts"][0]["mountPath"]
    for path in (args.examples, args.output):
        assert path.startswith(f"{mount}/")


def test_the_image_copies_every_package_and_the_ignore_file_lets_it():
    dockerfile = (KUBEFLOW / "Dockerfile").read_text("utf-8")
    copied = re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", dockerfile)
    names = {name for line in copied for name in line.split()}
    assert names >= {"schemas", "trainer", "components", "pipeline", "requirements"}
    ignore = (KUBEFLOW / "Dockerfile.dockerignore").read_text("utf-8")
    assert names == set(re.findall(r"(?m)^!(\S+)$", ignore))
    for name in names:
        assert (ROOT / name).exists()
