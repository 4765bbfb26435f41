"""An exported model in the TensorFlow of sites that serve with an older one.

    make test-older-tensorflow    # a virtual environment a version, in build/

Each version answers in a process of its own, which has that TensorFlow and nothing of
ours. The answers must be those of the TensorFlow that exported the model.
"""

import dataclasses
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from schemas.label_map import LabelMap
from trainer.model.build import build_retinanet
from trainer.serving.saved_model import export_model

sys.path.append(str(Path(__file__).parents[3] / "requirements"))
from uv_tool import find_uv

BUILD = Path(__file__).parents[3] / "build"
# TensorFlow 2.15 is the last with Keras 2; 2.19 is a year behind ours.
VERSIONS = ("2.15.1", "2.19.1")
ASK = """
import json, sys
import tensorflow as tf
folder, *files = sys.argv[1:]
signatures = tf.saved_model.load(folder).signatures
encoded = [tf.io.read_file(file) for file in files]
found = signatures["serving_default"](image_bytes=tf.stack(encoded))
upright = tf.io.decode_image(encoded[0], channels=3)[None]
shown = signatures["serving_images"](images=upright)
answers = {}
for name, value in (*found.items(), *(("of_images/" + n, v) for n, v in shown.items())):
    value = value.numpy()
    if value.dtype == object:
        value = value.astype(str)
    answers[name] = value.tolist()
print(json.dumps({"version": tf.__version__, "answers": answers}))
"""


def ask(python, folder, files):
    """What a TensorFlow finds in the files: its version, and outputs by name."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    run = subprocess.run(
        [str(python), "-c", ASK, str(folder), *map(str, files)],
        env=environment | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(run.stdout.splitlines()[-1])


def older_python(version):
    """The interpreter of an environment with this TensorFlow, made where it lacks."""
    uv, home = find_uv(BUILD), BUILD / f"tensorflow-{version}"
    python = home / "bin" / "python"
    if not python.exists():
        subprocess.run([uv, "venv", "-q", "--python", "3.11", str(home)], check=True)
    packages = [f"tensorflow-cpu=={version}", "setuptools<80"]
    install = [uv, "pip", "install", "-q", "--python", str(python), *packages]
    subprocess.run(install, check=True)
    return python


@pytest.fixture(scope="module")
def exported(tiny_config, tmp_path_factory):
    head = dataclasses.replace(tiny_config.head, prior=0.3)  # finds something untrained
    model = build_retinanet(dataclasses.replace(tiny_config, head=head), 3)
    folder = tmp_path_factory.mktemp("exported")
    export_model(model, (64, 96), LabelMap(("ant", "bee", "cow")), str(folder))
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Pictures of three sizes: one gray, one that EXIF turns."""
    folder, random = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    turned = Image.Exif()
    turned[0x0112] = 6
    kinds = (("a.png", "RGB", None), ("b.jpg", "L", None), ("c.jpg", "RGB", turned))
    for number, (name, mode, exif) in enumerate(kinds):
        pixels = random.integers(0, 256, (40 + 10 * number, 90, 3)).astype("uint8")
        data = io.BytesIO()
        image = Image.fromarray(pixels).convert(mode)
        image.save(data, name[-3:].replace("jpg", "jpeg"), exif=exif or Image.Exif())
        (folder / name).write_bytes(data.getvalue())
    return sorted(folder.iterdir())


@pytest.mark.parametrize("version", VERSIONS)
def test_an_older_tensorflow_gives_the_same_answers(version, exported, files):
    ours = ask(BUILD.parent / ".venv" / "bin" / "python", exported, files)
    older = ask(older_python(version), exported, files)
    assert (ours["version"], older["version"]) == (tf.__version__, version)
    ours, older = ours["answers"], older["answers"]
    assert set(older) == set(ours)
    assert min(ours["num_detections"]) > 0
    for name, value in ours.items():
        if name.endswith("class_names"):
            assert older[name] == value
        else:
            np.testing.assert_allclose(older[name], value, atol=1e-3, err_msg=name)
