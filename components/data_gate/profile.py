"""TFDV statistics protos -> what drift is measured on. Needs the protos only."""

from collections.abc import Iterable

from tensorflow_metadata.proto.v0 import statistics_pb2

from components.data_gate.chance import independent_objects
from components.data_gate.drift import Buckets, SpanProfile
from schemas import tf_example


def profile_of(
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
) -> SpanProfile:
    """Statistics of one split -> its profile; absent features leave empty parts."""
    features = {
        feature.path.step[0] if feature.path.step else feature.name: feature
        for dataset in statistics.datasets
        for feature in dataset.features
    }

    def buckets(key: str) -> Buckets:
        feature = features.get(key)
        return _finest(feature.num_stats.histograms) if feature is not None else ()

    classes = features.get(tf_example.CLASS_NAME)
    objects = features.get(tf_example.OBJECT_COUNT)
    images = float(sum(dataset.num_examples for dataset in statistics.datasets))
    ranked = classes.string_stats.rank_histogram.buckets if classes is not None else ()
    return SpanProfile(
        class_counts={bucket.label: bucket.sample_count for bucket in ranked},
        box_size=buckets(tf_example.AREA_REL),
        brightness=buckets(tf_example.BRIGHTNESS),
        objects_per_image=buckets(tf_example.OBJECT_COUNT),
        images=images,
        independent_objects=0.0
        if objects is None
        else independent_objects(
            images, objects.num_stats.mean, objects.num_stats.std_dev
        ),
    )


def _finest(histograms: Iterable[statistics_pb2.Histogram]) -> Buckets:
    """Quantiles where there are any: their buckets are narrow where the data is."""
    quantiles = statistics_pb2.Histogram.QUANTILES
    ordered = sorted(histograms, key=lambda histogram: histogram.type != quantiles)
    if not ordered:
        return ()
    return tuple(
        (bucket.low_value, bucket.high_value, bucket.sample_count)
        for bucket in ordered[0].buckets
    )
