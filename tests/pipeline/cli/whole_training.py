"""`voc-pipeline train` in one process, its export included; `make test-hosts`."""

import io
import json

import tensorflow as tf
from PIL import Image

from pipeline.__main__ import main


def test_a_training_leaves_a_model_that_answers(
    tmp_path, write_examples, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    for split in ("train", "eval"):
        (tmp_path / "in" / f"Split-{split}").mkdir(parents=True)
        images = {f"{split}{i}": (40, 32, [(4, 4, 30, 28)]) for i in range(4)}
        write_examples(tmp_path / "in" / f"Split-{split}" / "images-00000.gz", images)
    (tmp_path / "in" / "label_map.txt").write_text("dog\n")
    changes = ("input.image_size=[64,64]", "train_steps=2", "doctor=false")
    command = ["train", "in", "--output", "out", "--preset", "smoke"]
    command += [f"--set=trainer.{change}" for change in changes]
    assert main([*command, "--json"]) == 0
    (folder,) = json.loads(capsys.readouterr().out).values()
    image = io.BytesIO()
    Image.new("RGB", (40, 32)).save(image, "PNG")
    model = tf.saved_model.load(folder)
    found = model.signatures["serving_default"](
        image_bytes=tf.constant([image.getvalue()])
    )
    assert found["boxes"].shape[::2] == (1, 4)
    assert (tmp_path / "out" / "model" / "assets.extra" / "made_from.txt").exists()
    assert main(command) == 2
    assert "--output out has a model already" in capsys.readouterr().err
