"""A served version over any number of pictures: Beam's RunInference, on any runner."""

import csv
import dataclasses
import io
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.io import iobase
from apache_beam.io.filesystems import FileSystems
from apache_beam.ml.inference.base import ModelHandler, PredictionResult, RunInference
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pvalue import AsDict, AsList, TaggedOutput

from components.baseline import folders
from pipeline.prediction.batch_files import WholeShards
from pipeline.prediction.batch_images import (
    Image,
    Unreadable,
    files_of,
    ids_in,
    images_in,
    later_ones,
    text,
)
from pipeline.prediction.detector import Detector, Found
from pipeline.prediction.results import (
    CSV_COLUMNS,
    LABEL_MAP_FILE,
    coco_results,
    csv_rows,
)

RESULTS, TABLE, UNREADABLE = "results", "detections", "unreadable"
SUMMARY_FILE = "summary.json"
PICTURES_PER_SHARD = 10_000
_Counts = tuple[int, int, int]  # pictures, detections shown, unreadable


@dataclasses.dataclass(frozen=True)
class Batch:
    """What is asked of which model.

    Attributes:
      model: path of the version.
      names: of pictures, TFRecords, and folders of both.
      output: a folder, which the workers see.
      class_names: by class id; `thresholds`: the scores from which each is shown.
      pictures_per_call: of one size, at most; more than 1 may change last digits.
    """

    model: str
    names: tuple[str, ...]
    output: str
    class_names: tuple[str, ...]
    thresholds: tuple[float, ...]
    pictures_per_call: int


@dataclasses.dataclass(frozen=True)
class Summary:
    """What a batch came to; `summary.json`, which is written last."""

    pictures: int
    shown: int
    unreadable: int


class DetectorHandler(ModelHandler[Image, PredictionResult, Detector]):
    """A served version, for RunInference; loaded once a worker.

    Batches are capped: a picture of 12 megapixels is 36 MB.
    """

    def __init__(self, path: str, pictures_per_call: int) -> None:
        super().__init__(max_batch_size=pictures_per_call)
        self._path = path

    def load_model(self) -> Detector:
        """The SavedModel."""
        return Detector(self._path)

    def run_inference(
        self, batch: Sequence[Image], model: Detector, inference_args: Any = None
    ) -> Iterator[PredictionResult]:
        """What is found in each: a call for each run of pictures of one size."""
        del inference_args
        for _, same in itertools.groupby(batch, lambda one: one.picture.pixels.shape):
            images = list(same)
            pixels = np.stack([image.picture.pixels for image in images])
            for image, found in zip(images, model.detect_all(pixels), strict=True):
                yield PredictionResult(image, found)

    def get_num_bytes(self, batch: Sequence[Image]) -> int:
        """Of pixels, for Beam's metrics."""
        return sum(image.picture.pixels.nbytes for image in batch)


class _ReadImages(beam.DoFn):
    def process(self, path: bytes, later: Any) -> Iterator[Image | TaggedOutput]:
        for one in images_in(path, later):
            known = isinstance(one, Image)
            yield one if known else TaggedOutput(UNREADABLE, one)


@dataclasses.dataclass(eq=False)
class _Write(beam.DoFn):
    """A picture with what was found -> its text for each of the files."""

    batch: Batch

    def process(self, result: PredictionResult) -> Iterator[Any]:
        image, found = result.example, result.inference
        assert isinstance(image, Image)
        assert isinstance(found, Found)
        picture_id = text(image.image_id)
        results = coco_results(picture_id, image.picture, found)
        yield ", ".join(map(json.dumps, results)).encode()
        shown = found.from_scores(np.array(self.batch.thresholds, np.float32))
        rows = csv_rows(picture_id, shown, self.batch.class_names)
        yield TaggedOutput(TABLE, _as_csv(rows))
        yield TaggedOutput("counts", (1, len(rows), 0))


def _as_csv(rows: Iterable[Sequence[str]]) -> bytes:
    sink = io.StringIO(newline="")
    csv.writer(sink).writerows(rows)
    return sink.getvalue().encode("utf-8", "surrogateescape")


def _as_line(one: Unreadable) -> bytes:
    return json.dumps(one.as_json()).encode() + b"\n"


class _Sum(beam.CombineFn):
    def create_accumulator(self) -> _Counts:
        return 0, 0, 0

    def add_input(self, accumulator: _Counts, element: _Counts) -> _Counts:
        return self.merge_accumulators([accumulator, element])

    def merge_accumulators(self, accumulators: Iterable[_Counts]) -> _Counts:
        pictures, shown, unreadable = map(sum, zip(*accumulators, strict=True))
        return pictures, shown, unreadable

    def extract_output(self, accumulator: _Counts) -> _Counts:
        return accumulator


def build(pipeline: beam.Pipeline, batch: Batch) -> None:
    """Adds the batch to a pipeline; `summary.json` comes after all else."""
    files = (
        pipeline
        | "Names" >> beam.Create(batch.names)
        | "ListFiles" >> beam.FlatMap(files_of)
        | "EachOnce" >> beam.Distinct()
    )
    later = (
        files
        | "NamesOfImages" >> beam.FlatMap(ids_in)
        | "GroupByName" >> beam.GroupByKey()
        | "LaterOnes" >> beam.FlatMapTuple(later_ones)
    )
    read = files | "Read" >> beam.ParDo(_ReadImages(), AsDict(later)).with_outputs(
        UNREADABLE, main="images"
    )
    handler = DetectorHandler(batch.model, batch.pictures_per_call)
    texts = (
        read.images
        | "Detect" >> RunInference(handler)
        | "AsText" >> beam.ParDo(_Write(batch)).with_outputs(TABLE, "counts", main="r")
    )
    unreadable = read[UNREADABLE]
    counts = (
        (texts["counts"], unreadable | "CountLeftOut" >> beam.Map(lambda _: (0, 0, 1)))
        | "AllCounts" >> beam.Flatten()
        | "Sum" >> beam.CombineGlobally(_Sum())
    )
    lines = unreadable | "AsLine" >> beam.Map(_as_line)
    header = ",".join(CSV_COLUMNS).encode() + b"\r\n"
    written = [
        _write(texts.r, batch, RESULTS, ".json", (b"[", b", ", b"]")),
        _write(texts[TABLE], batch, TABLE, ".csv", (header, b"", b"")),
        _write(lines, batch, UNREADABLE, ".jsonl", (b"", b"", b"")),
    ]
    _ = counts | "WriteSummary" >> beam.Map(
        _write_summary, batch.output, *map(AsList, written)
    )


def _write(
    texts: beam.PCollection,
    batch: Batch,
    name: str,
    suffix: str,
    around: tuple[bytes, bytes, bytes],
) -> beam.PCollection:
    path = folders.inside(batch.output, name)
    sink = WholeShards(path, suffix, around, PICTURES_PER_SHARD)
    return texts | f"Write {name}" >> iobase.Write(sink)


def _write_summary(counts: _Counts, output: str, *_written: list[str]) -> None:
    summary = json.dumps(dataclasses.asdict(Summary(*counts)))
    folders.write_file(folders.inside(output, SUMMARY_FILE), summary.encode())


def predict_all(batch: Batch, beam_args: Sequence[str]) -> Summary:
    """Runs the batch to its end, and says what it came to."""
    label_map = "".join(f"{name}\n" for name in batch.class_names)
    folders.write_file(folders.inside(batch.output, LABEL_MAP_FILE), label_map.encode())
    with beam.Pipeline(options=PipelineOptions(list(beam_args))) as pipeline:
        build(pipeline, batch)
    with FileSystems.open(folders.inside(batch.output, SUMMARY_FILE)) as file:
        return Summary(**json.load(file))
