"""The face for scripts; docs/tutorial.md is run as one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import voc_pipeline as voc

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SETTINGS = """
DATA = "data"
IMAGE_SIZE = (64, 64)
BATCH_SIZE = 4
BACKBONE, WEIGHTS = "light", "light.weights.h5"
EPOCHS = 2
"""
# what a user's folder may hold, before and after the tutorial's own lines
BEFORE = """
import trainer

assert trainer.WHOSE == "mine"
"""
AFTER = """
import pipeline
import trainer

assert (trainer.WHOSE, pipeline.WHOSE) == ("mine", "mine, too")
assert len(history.history["val_mAP"]) == 2
frozen = [v.path for v in model.backbone.trainable_variables]
assert not frozen
"""


def test_every_public_name_is_there():
    for name in voc.__all__:
        assert getattr(voc, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'retina_net'"):
        voc.retina_net  # noqa: B018


def test_boxes_change_their_format():
    # left 10, top 20, 30 wide, 40 high, in an image 100 high and 200 wide
    box = np.array([[10.0, 20.0, 40.0, 60.0]], "float32")
    for target, expected in (
        ("xywh", [10, 20, 30, 40]),
        ("yxyx", [20, 10, 60, 40]),
        ("center_xywh", [25, 40, 30, 40]),
        ("rel_xyxy", [0.05, 0.2, 0.2, 0.6]),
    ):
        found = voc.convert_format(box, "xyxy", target, (100, 200))
        np.testing.assert_allclose(np.asarray(found)[0], expected, rtol=1e-6)
    with pytest.raises(ValueError, match="rel_xyxy needs image_shape"):
        voc.convert_format(box, "xyxy", "rel_xyxy")


@pytest.mark.slow
def test_the_tutorial_runs_line_by_line_beside_a_trainer_of_ones_own(tmp_path):
    from pipeline.__main__ import main
    from trainer.model.backbones.light import light_backbone

    sample = ["sample-data", str(tmp_path / "data"), "--images", "20", "--seed", "1"]
    assert main(sample) == 0
    light_backbone().save_weights(tmp_path / "light.weights.h5")
    (tmp_path / "trainer.py").write_text("WHOSE = 'mine'\n")
    (tmp_path / "pipeline.py").write_text("WHOSE = 'mine, too'\n")
    blocks = BLOCK.findall((ROOT / "docs" / "tutorial.md").read_text("utf-8"))
    assert len(blocks) == 9
    assert blocks[0].startswith("DATA = ")
    script = tmp_path / "script.py"
    script.write_text("\n".join([SETTINGS, BEFORE, *blocks[1:], AFTER]))
    done = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=900,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for name in ("train.png", "augmented.png", "found.png", "best.keras"):
        assert (tmp_path / name).stat().st_size > 0
