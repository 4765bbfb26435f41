import numpy as np
import pytest
import tensorflow as tf
from tfx import v1 as _tfx  # noqa: F401  before TFMA: it completes older TFDV releases

pytestmark = pytest.mark.filterwarnings("ignore")


def test_no_input_is_written_out_as_text(tmp_path, save_one_box, monkeypatch):
    import tensorflow_model_analysis as tfma

    from components.evaluator.asked_by_name import asked_by_name
    from components.evaluator.evaluation import eval_config

    folder = save_one_box(tmp_path / "model", edge=0.5)
    config = eval_config(["dog"], "ignore", "unused", has_baseline=False)
    model = tfma.default_eval_shared_model(folder, eval_config=config)
    wrapped = asked_by_name(model, "serving_default").model_loader.load()
    png = tf.io.encode_png(np.zeros((30, 40, 3), np.uint8))[None]

    def refuse(tensor):
        raise AssertionError("a tensor is written out")

    monkeypatch.setattr(type(png), "__repr__", refuse)
    # Where this no longer holds, TFMA may ask the model itself.
    with pytest.raises(AssertionError, match="written out"):
        model.model_loader.load().signatures["serving_default"](png)
    found = wrapped.signatures["serving_default"](png)

    assert found["boxes"].numpy().tolist() == [[[0, 0, 20, 15]]]
