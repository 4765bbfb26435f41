"""The parts for a Python script: data, augmentation, model, losses, metrics, pictures.

    import voc_pipeline as voc

    train = voc.load("VOCdevkit/VOC2007", "train", "xyxy", batch_size=8)
    voc.visualize(next(iter(train)), "xyxy").show()

docs/tutorial.md goes through all of it. Nothing heavy is imported before it is used.

The packages behind this module have plain names, such as `trainer`. A script may have a
`trainer.py` of its own beside it: this module then finds its packages where it lies
itself, and leaves the name to the script.
"""

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = [  # noqa: F822  most come through __getattr__
    "AnchorConfig",
    "Augment",
    "COCOMeanAveragePrecision",
    "COCORecall",
    "ColorJitter",
    "DecodingConfig",
    "HeadConfig",
    "HorizontalFlip",
    "LossConfig",
    "MatcherConfig",
    "MixUp",
    "ModelConfig",
    "Mosaic",
    "RetinaNet",
    "Rotate",
    "ScaleTranslate",
    "Shear",
    "ciou_loss",
    "class_names",
    "convert_format",
    "focal_loss",
    "giou_loss",
    "load",
    "retinanet",
    "smooth_l1_loss",
    "to_tuple",
    "visualize",
]

_HOME = str(Path(__file__).resolve().parent)
_PACKAGES = ("schemas", "trainer", "components", "pipeline")
_FROM = {
    "trainer.augment.color_jitter": ("ColorJitter",),
    "trainer.augment.flip": ("HorizontalFlip",),
    "trainer.augment.mixup": ("MixUp",),
    "trainer.augment.mosaic": ("Mosaic",),
    "trainer.augment.rotate": ("Rotate",),
    "trainer.augment.scale_translate": ("ScaleTranslate",),
    "trainer.augment.shear": ("Shear",),
    "trainer.input.layer": ("Augment",),
    "trainer.metrics.keras_metric": ("COCOMeanAveragePrecision", "COCORecall"),
    "trainer.model.config": (
        *("AnchorConfig", "DecodingConfig", "HeadConfig", "LossConfig"),
        *("MatcherConfig", "ModelConfig"),
    ),
    "trainer.model.losses": (
        *("ciou_loss", "focal_loss", "giou_loss", "smooth_l1_loss"),
    ),
    "trainer.model.retinanet": ("RetinaNet",),
}
_MODULE_OF = {name: module for module, names in _FROM.items() for name in names}
_kept: dict[str, ModuleType] = {}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_ours(_MODULE_OF[name]), name)


def load(
    data: str,
    split: str = "train",
    bounding_box_format: str = "xyxy",
    batch_size: int = 8,
    *,
    image_size: tuple[int, int] = (512, 512),
    cache: str = "",
    **ingest: Any,
) -> Any:
    """A split of a VOC data set as a tf.data.Dataset; each image once, in order.

    Batches are {images uint8 [B, H, W, 3], image_ids [B], bounding_boxes: {boxes
    [B, G, 4], labels [B, G] int32, difficult [B, G] bool}}, as Keras's layers take
    them: images letterboxed to `image_size` (height, width), label -1 for padding. The
    data go through ingest with all of its rules first, once: what is left out is
    logged, and the examples stay below `cache` (by default ~/.cache/voc_pipeline), in a
    folder that a digest of the data, of ingest's code and of its config names. `ingest`
    are settings of it, such as corners="zero_based" or unannotated="negative"; give
    `class_names` the same. Raises UserError where the data cannot be used.
    """
    folder = _ingested(data, cache, ingest)
    split = {"val": "eval", "validation": "eval"}.get(split, split)
    config = _ours("trainer.input.config").InputConfig(
        image_size=image_size, global_batch_size=batch_size, cache_bytes=0
    )
    make_dataset = _ours("trainer.input.batches").make_dataset
    frames = make_dataset(f"{folder}/Split-{split}/*", config, training=False)
    keras = importlib.import_module("keras")

    def as_keras_has_it(frame: Mapping[str, Any]) -> dict[str, Any]:
        boxes = keras.utils.bounding_boxes.convert_format(
            frame["gt_boxes"],
            source="xyxy",
            target=bounding_box_format,
            height=image_size[0],
            width=image_size[1],
        )
        return {
            "images": frame["images"],
            "image_ids": frame["image_ids"],
            "bounding_boxes": {
                "boxes": boxes,
                "labels": frame["gt_classes"],
                "difficult": frame["gt_difficult"],
            },
        }

    return frames.map(as_keras_has_it)


def class_names(data: str, cache: str = "", **ingest: Any) -> tuple[str, ...]:
    """The names that the labels of `load` number, in order; arguments as there."""
    label_map = _ours("schemas.label_map")
    path = Path(_ingested(data, cache, ingest)) / label_map.LABEL_MAP_FILENAME
    names: tuple[str, ...] = tuple(label_map.LabelMap.from_file(path).names)
    return names


def convert_format(
    boxes: Any,
    source: str,
    target: str,
    image_shape: tuple[int, int] | None = None,
) -> Any:
    """Boxes [..., 4] in another format; `rel_` ones need (height, width)."""
    check_format = _ours("schemas.boxes").check_format
    for each in (source, target):
        check_format(each, image_shape)
    height, width = image_shape or (None, None)
    convert = importlib.import_module("keras").utils.bounding_boxes.convert_format
    return convert(boxes, source=source, target=target, height=height, width=width)


def to_tuple(batch: Mapping[str, Any], bounding_box_format: str = "xyxy") -> Any:
    """A batch of `load` as the (x, y) that a RetinaNet is fitted to."""
    boxes = batch["bounding_boxes"]
    height, width = batch["images"].shape[1:3]
    difficult = boxes.get("difficult", boxes["labels"] * 0)
    cast = importlib.import_module("keras").ops.cast
    truth = {
        "gt_boxes": convert_format(
            boxes["boxes"], bounding_box_format, "xyxy", (height, width)
        ),
        "gt_classes": boxes["labels"],
        "gt_difficult": cast(difficult, "int32"),
    }
    return batch["images"], truth


def retinanet(num_classes: int, **fields: Any) -> Any:
    """A built RetinaNet; `fields` are those of `ModelConfig`, such as backbone."""
    config = _ours("trainer.model.config").ModelConfig(**fields)
    return _ours("trainer.model.build").build_retinanet(config, num_classes)


def visualize(
    batch: Mapping[str, Any],
    bounding_box_format: str = "xyxy",
    class_names: Sequence[str] = (),
    detections: Mapping[str, Any] | None = None,
    min_score: float = 0.3,
) -> Any:
    """A PIL picture of a batch, its boxes in green and what was detected in red.

    `detections` are a RetinaNet's, for the same images; those below `min_score` are
    left out.
    """
    numpy = importlib.import_module("numpy")
    image = importlib.import_module("PIL.Image")
    drawing = _ours("trainer.image.drawing")

    def layer(boxes: Any, classes: Any, colour: str) -> Any:
        names = [class_names[k] if class_names else str(k) for k in classes]
        return drawing.LabelledBoxes(boxes, names, colour)

    cells = []
    truth = to_tuple(batch, bounding_box_format)[1]
    for row, pixels in enumerate(numpy.asarray(batch["images"])):
        labels = numpy.asarray(truth["gt_classes"])[row]
        boxes = numpy.asarray(truth["gt_boxes"])[row][labels >= 0]
        layers = [layer(boxes, labels[labels >= 0], drawing.GROUND_TRUTH_COLOUR)]
        if detections is not None:
            found = {name: numpy.asarray(x)[row] for name, x in detections.items()}
            shown = (found["classes"] >= 0) & (found["scores"] >= min_score)
            layers.append(
                layer(
                    found["boxes"][shown],
                    found["classes"][shown],
                    drawing.DETECTION_COLOUR,
                )
            )
        picture = image.fromarray(pixels.astype("uint8"))
        cells.append(drawing.draw_boxes(picture, layers))
    return drawing.contact_sheet(cells, columns=min(4, len(cells)), cell_px=320)


def _ingested(data: str, cache: str, settings: Mapping[str, Any]) -> str:
    """The folder of the data set's examples; ingested now, if it is not there yet."""
    with _own_packages():
        kept = importlib.import_module("pipeline.run.kept_examples")
        folder: str = kept.kept_examples(data, cache, settings)
    return folder


def _ours(name: str) -> ModuleType:
    """A module of ours, whatever else has its name."""
    with _own_packages():
        return importlib.import_module(name)


@contextlib.contextmanager
def _own_packages() -> Iterator[None]:
    """Inside, our packages are found; outside, their names are whose they were."""
    taken = [name for name in _PACKAGES if _is_theirs(name)]
    if not taken:
        yield
        return
    theirs = _take_out(taken)
    sys.modules.update(_kept)
    sys.path.insert(0, _HOME)
    try:
        yield
    finally:
        sys.path.remove(_HOME)
        _kept.update(_take_out(taken))
        sys.modules.update(theirs)


def _take_out(packages: Sequence[str]) -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name.partition(".")[0] in packages]
    return {name: sys.modules.pop(name) for name in names}


def _is_theirs(package: str) -> bool:
    """Whether an import of this name, here and now, would find another than ours."""
    loaded = sys.modules.get(package)
    if loaded is not None:
        origin = getattr(loaded, "__file__", None)
    else:
        spec = importlib.util.find_spec(package)
        origin = spec.origin if spec else None
    return origin is None or not Path(origin).resolve().is_relative_to(_HOME)
