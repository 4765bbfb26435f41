import pytest

from pipeline import presets
from pipeline.on_kubeflow.stage_resources import KubeflowConfig, StageResources
from pipeline.overrides import apply_overrides


def test_a_stage_is_found_by_its_id():
    config = KubeflowConfig(
        trainer=StageResources(cpu="8"), earlier_voc_example_gen=StageResources(cpu="2")
    )

    assert config.of_stage("Trainer").cpu == "8"
    assert config.of_stage("EarlierVocExampleGen").cpu == "2"
    assert config.of_stage("VocExampleGen").cpu == ""


def test_requests_are_set_from_the_command_line():
    config = apply_overrides(
        presets.smoke(),
        [
            "kubeflow.trainer.memory=16Gi",
            "kubeflow.trainer.cpu=4",
            'kubeflow.trainer.node_labels=["a/b=c"]',
        ],
    )

    assert config.kubeflow.trainer.memory == "16Gi"
    assert config.kubeflow.trainer.cpu == 4
    assert config.kubeflow.trainer.node_labels == ("a/b=c",)


@pytest.mark.parametrize("cpu", ["1.5", "2", "500m"])
def test_cores_may_be_parts_of_one(cpu):
    config = apply_overrides(presets.smoke(), [f"kubeflow.trainer.cpu={cpu}"])

    assert str(config.kubeflow.trainer.cpu) == cpu


@pytest.mark.parametrize("memory", ["512Mi", 17179869184])
def test_memory_has_a_unit_or_is_bytes(memory):
    field = f"kubeflow.trainer.memory={memory}"
    config = apply_overrides(presets.smoke(), [field])

    assert config.kubeflow.trainer.memory == memory


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"memory": "16 GB"}, "quantity"),
        ({"memory": 32}, "memory with its unit, such as 32Gi .*, got 32$"),
        ({"memory": "1.5"}, "memory with its unit"),
        ({"cpu": "many"}, "quantity"),
        ({"accelerator": "nvidia.com/gpu"}, "accelerator_count >= 1"),
        ({"accelerator_count": 1}, "accelerator_count >= 1"),
        ({"node_labels": ("gpu",)}, "KEY=VALUE"),
        ({"timeout_s": -1}, "timeout_s >= 0"),
    ],
)
def test_requests_that_kubernetes_would_refuse_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        StageResources(**fields)


@pytest.mark.parametrize("path", ["data", "/minio/x", "/tmp", "/"])
def test_a_volume_is_not_mounted_over_the_launchers_folders(path):
    with pytest.raises(ValueError, match="volume_path"):
        KubeflowConfig(volume_claim="voc", volume_path=path)


@pytest.mark.parametrize(
    ("root", "claim"),
    [
        ("gs://voc/checkpoints", ""),
        ("gs://voc/checkpoints", "voc"),
        ("/data/checkpoints", "voc"),
        ("", ""),
    ],
)
def test_checkpoints_lie_where_a_new_pod_finds_them(root, claim):
    config = KubeflowConfig(checkpoint_root=root, volume_claim=claim)
    assert config.checkpoint_root == root


@pytest.mark.parametrize(
    ("root", "claim"),
    [
        ("/data/checkpoints", ""),  # of the pod, which is lost with it
        ("/dataset/checkpoints", "voc"),
        ("s3://voc/checkpoints", "voc"),  # TensorFlow has no file system for it
        ("checkpoints", "voc"),
    ],
)
def test_checkpoints_that_no_new_pod_would_find_are_refused(root, claim):
    with pytest.raises(ValueError, match="checkpoint_root"):
        KubeflowConfig(checkpoint_root=root, volume_claim=claim)
