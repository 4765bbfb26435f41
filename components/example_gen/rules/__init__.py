"""Every rule in the order in which it is tried; a reject or drop ends it.

Imports schemas, source and the config.
"""

from components.example_gen.config import IngestConfig
from components.example_gen.rules import (
    class_names,
    data_set,
    frame,
    image,
    near_copies,
    objects,
    source,
)
from components.example_gen.rules.rule import (
    DROP_OBJECT,
    ERROR,
    INFO,
    KEEP,
    REJECT_IMAGE,
    REPAIR,
    WARNING,
    Rule,
)

SOURCE_RULES = (
    Rule(source.path_unsafe, ERROR, REJECT_IMAGE),
    Rule(source.listed_absent, ERROR, REJECT_IMAGE),
    Rule(source.annotation_missing, ERROR, REJECT_IMAGE),
    Rule(source.annotation_unreadable, ERROR, REJECT_IMAGE),
    Rule(source.annotation_too_large, ERROR, REJECT_IMAGE),
    Rule(source.annotation_lfs_pointer, ERROR, REJECT_IMAGE),
    Rule(source.xml_malformed, ERROR, REJECT_IMAGE),
    Rule(source.xml_forbidden, ERROR, REJECT_IMAGE),
    Rule(source.not_voc, ERROR, REJECT_IMAGE),
    Rule(source.image_ambiguous, ERROR, REJECT_IMAGE),
    Rule(source.image_missing, ERROR, REJECT_IMAGE),
    Rule(source.unannotated_negative, INFO, KEEP),
    Rule(source.filename_path, INFO, KEEP),
    Rule(source.filename_disagrees, INFO, REPAIR),
    Rule(source.tag_spelling, INFO, KEEP),
    Rule(source.depth_absent, INFO, KEEP),
    Rule(source.difficult_absent, INFO, KEEP),
    Rule(source.truncated_absent, INFO, KEEP),
    Rule(source.pose_absent, INFO, KEEP),
    Rule(source.no_objects, INFO, KEEP),
    Rule(source.object_count, WARNING, KEEP),
)
CONTENT_RULES = (
    Rule(image.image_unreadable, ERROR, REJECT_IMAGE),
    Rule(image.image_too_large, ERROR, REJECT_IMAGE),
    Rule(image.image_lfs_pointer, ERROR, REJECT_IMAGE),
    Rule(image.image_heif, ERROR, REJECT_IMAGE),
    Rule(image.format_unsupported, ERROR, REJECT_IMAGE),
    Rule(image.format_disagrees, WARNING, KEEP),
    Rule(image.too_many_pixels, ERROR, REJECT_IMAGE),
)
PIXEL_RULES = (
    Rule(image.image_broken, ERROR, REJECT_IMAGE),
    Rule(image.cmyk_unmarked, ERROR, REJECT_IMAGE),
    Rule(frame.size_conflict, ERROR, REJECT_IMAGE),
    Rule(frame.size_absent, WARNING, REPAIR),
    Rule(frame.size_swapped, WARNING, REPAIR),
    Rule(frame.size_wrong, WARNING, REPAIR),
    Rule(frame.size_scaled, WARNING, REPAIR),
    Rule(image.grayscale, INFO, KEEP),
    Rule(image.deep_color, INFO, KEEP),
    Rule(image.levels_few, WARNING, KEEP),
    Rule(image.checksum_wrong, INFO, KEEP),
    Rule(image.cmyk, INFO, KEEP),
    Rule(image.palette, INFO, KEEP),
    Rule(image.alpha, INFO, KEEP),
    Rule(frame.exif_applied, INFO, REPAIR),
    Rule(frame.exif_orientation, INFO, KEEP),
    Rule(frame.exif_undecided, WARNING, KEEP),
)
OBJECT_RULES = (
    Rule(objects.object_deleted, WARNING, DROP_OBJECT),
    Rule(objects.class_missing, ERROR, DROP_OBJECT),
    Rule(objects.class_spaced, INFO, REPAIR),
    Rule(objects.unknown_class, ERROR, DROP_OBJECT),
    Rule(objects.box_missing, ERROR, DROP_OBJECT),
    Rule(objects.box_not_number, ERROR, DROP_OBJECT),
    Rule(objects.box_not_finite, ERROR, DROP_OBJECT),
    Rule(objects.box_from_polygon, WARNING, REPAIR),
    Rule(objects.box_turned, WARNING, REPAIR),
    Rule(objects.box_fractional, INFO, KEEP),
    Rule(objects.box_zero_based, INFO, KEEP),
    Rule(objects.box_swapped, WARNING, REPAIR),
    Rule(objects.box_inverted, ERROR, DROP_OBJECT),
    Rule(objects.box_outside, ERROR, DROP_OBJECT),
    Rule(objects.box_clipped, WARNING, REPAIR),
    Rule(objects.box_too_small, ERROR, DROP_OBJECT),
    Rule(objects.box_duplicate, WARNING, DROP_OBJECT),
    Rule(objects.box_repeated, WARNING, KEEP),
    Rule(objects.flag_odd, WARNING, KEEP),
    Rule(objects.part_dropped, WARNING, KEEP),
)
DATA_SET_RULES = (
    Rule(data_set.unlisted, INFO, KEEP),
    Rule(data_set.listed_twice, INFO, KEEP),
    Rule(data_set.set_empty, WARNING, KEEP),
    Rule(data_set.split_unused, WARNING, KEEP),
    Rule(data_set.unannotated_ignored, INFO, KEEP),
    Rule(data_set.images_outside, INFO, KEEP),
    Rule(data_set.annotations_outside, WARNING, KEEP),
    Rule(data_set.member_replaced, WARNING, KEEP),
    Rule(data_set.annotation_spare, WARNING, KEEP),
    Rule(data_set.image_chosen, WARNING, KEEP),
    Rule(data_set.name_differs, INFO, KEEP),
)
CLASS_RULES = (
    Rule(class_names.class_spelling, WARNING, KEEP),
    Rule(class_names.class_misspelt, WARNING, KEEP),
)
BOX_RULES = (Rule(data_set.ymax_is_xmin, WARNING, KEEP),)
CONTENT_TWIN_RULES = (
    Rule(data_set.duplicate_image, WARNING, KEEP),
    Rule(data_set.split_leak, ERROR, KEEP),
)
NEAR_COPY_RULES = (
    Rule(near_copies.near_copy, WARNING, KEEP),
    Rule(near_copies.roboflow_copy, WARNING, KEEP),
)
RULES = (
    *SOURCE_RULES,
    *CONTENT_RULES,
    *PIXEL_RULES,
    *OBJECT_RULES,
    *DATA_SET_RULES,
    *CLASS_RULES,
    *BOX_RULES,
    *CONTENT_TWIN_RULES,
    *NEAR_COPY_RULES,
)


def doubts(config: IngestConfig) -> frozenset[str]:
    """Reasons of images that are written, but whose boxes may be wrong."""
    rules = (
        [frame.exif_undecided]
        if config.accept_scaled
        else [frame.exif_undecided, frame.size_scaled]
    )
    return frozenset(rule.__name__ for rule in rules)
