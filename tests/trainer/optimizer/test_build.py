import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.optimizer.build import build_optimizer, build_schedule
from trainer.optimizer.config import CosineSchedule, OptimizerConfig, PiecewiseSchedule


def rates(schedule, steps):
    return [float(schedule(step)) for step in steps]


def test_cosine_rises_linearly_and_ends_with_training():
    config = CosineSchedule(peak=0.1, warmup_steps=10, final_fraction=0.1)
    schedule = build_schedule(config, train_steps=110)
    # from a hundredth of the peak, 10 steps up, 100 down; half way: (1 + .1) / 2
    expected = [0.001, 0.0505, 0.1, 0.055, 0.01]
    np.testing.assert_allclose(rates(schedule, [0, 5, 10, 60, 110]), expected, 1e-4)


def test_warm_up_of_a_short_training_is_a_tenth_of_it():
    schedule = build_schedule(CosineSchedule(peak=0.1, warmup_steps=500), 50)
    assert rates(schedule, [5])[0] == pytest.approx(0.1)
    assert rates(build_schedule(CosineSchedule(peak=0.1), 4), [0])[0] == pytest.approx(
        0.1
    )


def test_piecewise_rates_change_after_their_boundary():
    config = PiecewiseSchedule(boundaries=(2, 4), rates=(1.0, 2.0, 3.0))
    schedule = build_schedule(config, 10)
    assert rates(schedule, [0, 2, 3, 4, 5]) == [1.0, 1.0, 2.0, 2.0, 3.0]


def constant(**fields):
    schedule = PiecewiseSchedule(boundaries=(), rates=(1.0,))
    return build_optimizer(OptimizerConfig(schedule=schedule, **fields), 10)


def test_gradients_are_clipped_by_their_common_norm():
    optimizer = constant(momentum=0.0, weight_decay=0.0, clip_global_norm=1.0)
    a, b = keras.Variable([0.0]), keras.Variable([0.0])
    optimizer.apply([np.array([3.0], "float32"), np.array([4.0], "float32")], [a, b])
    # norm 5 becomes 1
    np.testing.assert_allclose([float(a[0]), float(b[0])], [-0.6, -0.8], rtol=1e-5)
    assert float(optimizer.gradient_norm) == pytest.approx(5.0)


@pytest.mark.parametrize("clip", [10.0, 0.0])
def test_small_gradients_pass_unclipped(clip):
    optimizer = constant(momentum=0.0, weight_decay=0.0, clip_global_norm=clip)
    a = keras.Variable([0.0])
    optimizer.apply([np.array([3.0], "float32")], [a])
    assert float(a[0]) == pytest.approx(-3.0)
    assert float(optimizer.gradient_norm) == pytest.approx(3.0)


def test_momentum_by_hand():
    optimizer = constant(momentum=0.9, weight_decay=0.0, clip_global_norm=0.0)
    optimizer.learning_rate = 0.1
    variable = keras.Variable([1.0])
    # velocity -.2, then -.9 * .2 - .1 * -3
    for gradient, expected in [(2.0, 0.8), (-3.0, 0.92)]:
        optimizer.apply([np.array([gradient], "float32")], [variable])
        assert float(variable[0]) == pytest.approx(expected)
    assert float(optimizer.momentums[0][0]) == pytest.approx(0.12)


@pytest.mark.parametrize("compiled", [True, False])
def test_momentum_is_that_of_keras(compiled):
    random = np.random.default_rng(0)
    gradients = random.normal(size=(5, 3)).astype("float32")
    found = []
    for optimizer in (
        constant(momentum=0.9, weight_decay=0.0, clip_global_norm=0.0),
        keras.optimizers.SGD(1.0, momentum=0.9),
    ):
        variable = keras.Variable(np.ones(3))
        optimizer.build([variable])
        apply = tf.function(optimizer.apply) if compiled else optimizer.apply
        for gradient in gradients:
            apply([tf.constant(gradient)])
        found.append(np.asarray(variable))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_weight_decay_leaves_biases_and_norms_alone(kind):
    optimizer = constant(kind=kind, momentum=0.0, weight_decay=0.1)
    kernel = keras.Variable([1.0], name="kernel")
    others = [keras.Variable([1.0], name=n) for n in ("bias", "gamma", "beta")]
    variables = [kernel, *others]
    optimizer.apply([np.zeros(1, "float32")] * 4, variables)
    assert float(kernel[0]) == pytest.approx(0.9)
    assert [float(v[0]) for v in others] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("kind", "of_backbone", "of_head"),
    [
        # decay .1 at a tenth of the rate 1, then a tenth of the step: 1 - .01 - .2
        ("sgd", 0.79, -1.1),
        # Adam's first step is the rate, whatever the gradient: 1 - .01 - .1
        ("adamw", 0.89, -0.1),
    ],
)
@pytest.mark.parametrize("compiled", [True, False])
def test_the_backbone_learns_and_decays_at_its_own_rate(
    kind, of_backbone, of_head, compiled
):
    head, kernel = (keras.Variable([1.0], name="kernel") for _ in range(2))
    gamma = keras.Variable([1.0], name="gamma")
    model = types.SimpleNamespace(
        backbone=types.SimpleNamespace(trainable_variables=[kernel, gamma]),
        trainable_variables=[head, kernel, gamma],
    )
    config = OptimizerConfig(
        kind=kind,
        schedule=PiecewiseSchedule(boundaries=(), rates=(1.0,)),
        momentum=0.0,
        weight_decay=0.1,
        clip_global_norm=0.0,
        backbone_rate=0.1,
    )
    optimizer = build_optimizer(config, 10, model)
    optimizer.build(model.trainable_variables)
    apply = tf.function(optimizer.apply) if compiled else optimizer.apply
    apply([tf.constant([2.0]), tf.constant([2.0]), tf.constant([0.0])])
    found = [float(variable[0]) for variable in (head, kernel, gamma)]
    assert found == pytest.approx([of_head, of_backbone, 1.0], abs=1e-5)


def test_a_rate_of_1_changes_nothing():
    kernel = keras.Variable([1.0], name="kernel")
    backbone = types.SimpleNamespace(trainable_variables=[kernel])
    model = types.SimpleNamespace(backbone=backbone, trainable_variables=[kernel])
    optimizer = build_optimizer(OptimizerConfig(weight_decay=0.1), 10, model)
    assert not optimizer.slower
    with pytest.raises(ValueError, match="backbone_rate > 0"):
        OptimizerConfig(backbone_rate=0.0)
