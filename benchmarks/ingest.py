"""How fast is ingest, rules and all, beside another state of it?

    git worktree add --detach ../before COMMIT
    python benchmarks/ingest.py --against ../before --source VOCdevkit/VOC2007

Makes data of the images of a VOC directory (by default of a drawn sample), each copy
with a comment of its own in the JPEG, so that no two files are equal; four fifths of
the images are in train, the others in val, so that the splits are compared, too. Then
runs `voc-pipeline ingest` with all rules, classes found, in turns: this tree and the
one at `--against`, or else a plain serial loop (parse the XML, decode with Pillow,
write bytes and boxes to one file). A run is a process of its own, imports included.

Prints the least of `--rounds` for each size and side: seconds, CPU seconds of the
process and its children, and the most memory that they held together (resident, shared
pages counted for each); then ours divided by the other's.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parents[1]
LOOP = """
import io, sys, xml.etree.ElementTree as ET
from PIL import Image
root, out = sys.argv[1:]
with open(out, "wb") as file:
    for split in ("train", "val"):
        for line in open(f"{root}/ImageSets/Main/{split}.txt"):
            image_id = line.strip()
            tree = ET.parse(f"{root}/Annotations/{image_id}.xml")
            boxes = [
                [item.findtext("name")] + [float(item.find("bndbox").findtext(side))
                for side in ("xmin", "ymin", "xmax", "ymax")]
                for item in tree.iter("object")
            ]
            raw = open(f"{root}/JPEGImages/{image_id}.jpg", "rb").read()
            Image.open(io.BytesIO(raw)).load()
            file.write(raw + repr(boxes).encode())
"""


class Cost(NamedTuple):
    """What a run took."""

    seconds: float
    cpu_seconds: float
    peak_mb: float

    def least(self, other: "Cost") -> "Cost":
        """The lesser of each."""
        return Cost(*map(min, self, other))


def drawn_sample(place: Path) -> Path:
    """Draws 120 images into a folder."""
    draw = [sys.executable, "-m", "pipeline", "sample-data", str(place)]
    subprocess.run([*draw, "--images", "120"], check=True, cwd=HERE)
    return place


def copy_images(source: Path, target: Path, count: int) -> None:
    """Makes a data set of `count` images, all different files."""
    names = sorted(path.stem for path in (source / "Annotations").glob("*.xml"))
    if not names:
        sys.exit(f"{source} holds no Annotations/*.xml; name a year of a VOCdevkit")
    for folder in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (target / folder).mkdir(parents=True)
    splits: dict[str, list[str]] = {"train": [], "val": []}
    for index in range(count):
        name, image_id = names[index % len(names)], f"{index:06d}"
        raw = (source / f"JPEGImages/{name}.jpg").read_bytes()
        comment = b"\xff\xfe\x00\x08" + image_id.encode()  # COM, its length
        (target / f"JPEGImages/{image_id}.jpg").write_bytes(raw[:2] + comment + raw[2:])
        xml = (source / f"Annotations/{name}.xml").read_bytes()
        xml = xml.replace(f"{name}.jpg".encode(), f"{image_id}.jpg".encode())
        (target / f"Annotations/{image_id}.xml").write_bytes(xml)
        splits["val" if index % len(names) % 5 == 4 else "train"].append(image_id)
    for split, ids in splits.items():
        text = "".join(f"{image_id}\n" for image_id in ids)
        (target / f"ImageSets/Main/{split}.txt").write_text(text)


class MemoryWatch:
    """The most resident memory that a process and its children hold at one time."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.peak_mb = 0.0
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(0.1):
            held = sum(self._resident_mb(pid) for pid in self._family(self._pid))
            self.peak_mb = max(self.peak_mb, held)

    def _family(self, pid: int) -> list[int]:
        try:
            tasks = list(Path(f"/proc/{pid}/task").iterdir())
            children = [(task / "children").read_text() for task in tasks]
        except OSError:
            return [pid]
        found = map(int, " ".join(children).split())
        return [pid, *(member for child in found for member in self._family(child))]

    @staticmethod
    def _resident_mb(pid: int) -> float:
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return 0.0
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def stop(self) -> float:
        """Ends the watch; the peak in MB."""
        self._done.set()
        self._thread.join()
        return self.peak_mb


def timed(command: list[str], tree: Path) -> Cost:
    """Runs a command with a tree's modules."""
    os.sync()  # what was written before, the data or an output, is not this run's load
    before, start = os.times(), time.monotonic()
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tree)},
        cwd=tempfile.gettempdir(),
    )
    watch = MemoryWatch(process.pid)
    _, errors = process.communicate()
    wall, peak, after = time.monotonic() - start, watch.stop(), os.times()
    if process.returncode:
        raise RuntimeError(f"{command[:3]} ended with {process.returncode}: {errors}")
    used = (after.children_user + after.children_system) - (
        before.children_user + before.children_system
    )
    return Cost(wall, used, peak)


def measure(source: Path, count: int, against: Path | None, rounds: int) -> None:
    """Prints one table."""
    with tempfile.TemporaryDirectory() as place:
        data, out = f"{place}/VOC", f"{place}/out"
        copy_images(source, Path(data), count)
        ingest = [sys.executable, "-m", "pipeline", "ingest", data, "--output", out]
        sides = {"this tree": (ingest, HERE)}
        if against:
            sides[str(against)] = (ingest, against.resolve())
        else:
            sides["serial loop"] = ([sys.executable, "-c", LOOP, data, out], HERE)
        costs: dict[str, Cost] = {}
        for _ in range(rounds):
            for name, (command, tree) in sides.items():
                cost = timed(command, tree)
                costs[name] = cost.least(costs.get(name, cost))
                shutil.rmtree(out, ignore_errors=True)
                Path(out).unlink(missing_ok=True)
        for name, cost in costs.items():
            sys.stdout.write(
                f"{count:6d} {name:24s} {cost.seconds:8.1f} s "
                f"{cost.cpu_seconds:8.1f} CPU-s {cost.peak_mb:6.0f} MB\n"
            )
        ours, other = costs.values()
        ratios = "  ".join(f"{a / b:.2f}" for a, b in zip(ours, other, strict=True))
        sys.stdout.write(f"{count:6d} seconds, CPU-s, MB, ours / other: {ratios}\n")
        sys.stdout.flush()


def main() -> None:
    """Reads the command line and measures every size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, help="default: the drawn sample")
    parser.add_argument("--against", type=Path, help="another checkout of this project")
    parser.add_argument("--images", type=int, nargs="+", default=[5000])
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        source = args.source or drawn_sample(Path(place))
        for count in args.images:
            measure(source, count, args.against, args.rounds)


if __name__ == "__main__":
    main()
