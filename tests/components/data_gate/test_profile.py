import pytest

from components.data_gate.profile import profile_of

statistics_pb2 = pytest.importorskip("tensorflow_metadata.proto.v0.statistics_pb2")
QUANTILES = 1


def test_a_profile_takes_classes_and_the_quantiles_of_the_measures():
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = statistics.datasets.add()
    classes = dataset.features.add()
    classes.path.step.append("image/object/class/text")
    for label, count in (("dog", 7), ("cat", 2)):
        bucket = classes.string_stats.rank_histogram.buckets.add()
        bucket.label, bucket.sample_count = label, count
    bright = dataset.features.add()
    bright.path.step.append("image/brightness")
    for kind, high in ((0, 1.0), (QUANTILES, 0.5)):
        histogram = bright.num_stats.histograms.add(type=kind)
        histogram.buckets.add(low_value=0.0, high_value=high, sample_count=9)
    dataset.num_examples = 40
    objects = dataset.features.add()
    objects.path.step.append("image/object/count")
    objects.num_stats.mean, objects.num_stats.std_dev = 2, 1
    profile = profile_of(statistics)
    assert profile.class_counts == {"dog": 7, "cat": 2}
    assert profile.brightness == ((0.0, 0.5, 9.0),)
    assert profile.box_size == ()
    # objects 1 and 3 in turn: one stands among (2^2 + 1^2) / 2 of its image
    assert profile.images == 40
    assert profile.independent_objects == pytest.approx(80 / (1 + (2.5 - 1) / 2))
