"""How fast is ingest, rules and all, beside a plain serial loop?

    python benchmarks/ingest.py --source VOCdevkit/VOC2007 --images 5000 50000

Repeats the images of a VOC directory under new ids (hard links: both sides read from
the page cache), then runs, each in a process of its own, imports included:

- the loop: parse the XML, decode with Pillow, write bytes and boxes to one file;
- `voc-pipeline ingest`, all rules on, both with the classes given and found.

Prints the best of `--rounds`: wall time, images/s, images per CPU second, and the peak
memory of every process (the first, then its children: planner and workers).
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

LOOP = """
import io, sys, xml.etree.ElementTree as ET
from PIL import Image
root, out = sys.argv[1:]
with open(out, "wb") as file:
    for line in open(f"{root}/ImageSets/Main/train.txt"):
        image_id = line.strip()
        tree = ET.parse(f"{root}/Annotations/{image_id}.xml")
        boxes = [
            [o.findtext("name")] + [float(o.find("bndbox").findtext(side))
            for side in ("xmin", "ymin", "xmax", "ymax")] for o in tree.iter("object")
        ]
        raw = open(f"{root}/JPEGImages/{image_id}.jpg", "rb").read()
        Image.open(io.BytesIO(raw)).load()
        file.write(raw + repr(boxes).encode())
"""


def repeat(source: Path, target: Path, count: int) -> None:
    """Makes `count` images of those in `source`, all in train."""
    names = sorted(path.stem for path in (source / "Annotations").glob("*.xml"))
    pool = target.parent / "pool"
    shutil.copytree(source, pool, dirs_exist_ok=True)
    for folder in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (target / folder).mkdir(parents=True)
    ids = []
    for index in range(count):
        name, image_id = names[index % len(names)], f"{index:06d}"
        for folder, suffix in (("Annotations", "xml"), ("JPEGImages", "jpg")):
            os.link(
                pool / folder / f"{name}.{suffix}",
                target / folder / f"{image_id}.{suffix}",
            )
        ids.append(image_id)
    (target / "ImageSets/Main/train.txt").write_text("\n".join(ids))


class MemoryWatch:
    """Peak resident memory of a process and its children, process by process."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.peaks_mb: dict[int, float] = {}
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(0.2):
            for pid in self._family():
                peak = self._peak_mb(pid)
                self.peaks_mb[pid] = max(self.peaks_mb.get(pid, 0.0), peak)

    def _family(self) -> list[int]:
        try:
            tasks = Path(f"/proc/{self._pid}/task").iterdir()
            children = [(task / "children").read_text() for task in tasks]
        except OSError:
            return [self._pid]
        return [self._pid, *map(int, " ".join(children).split())]

    @staticmethod
    def _peak_mb(pid: int) -> float:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return 0.0
        lines = [line for line in status.splitlines() if line.startswith("VmHWM")]
        return int(lines[0].split()[1]) / 1024 if lines else 0.0

    def stop(self) -> list[float]:
        """Peaks in MB, the first process first, its children by size."""
        self._done.set()
        self._thread.join()
        children = [mb for pid, mb in self.peaks_mb.items() if pid != self._pid]
        return [self.peaks_mb.get(self._pid, 0.0), *sorted(children, reverse=True)]


def timed(command: list[str]) -> tuple[float, float, list[float]]:
    """Runs a command -> wall seconds, CPU seconds, peak MB of each process."""
    before = os.times()
    start = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    watch = MemoryWatch(process.pid)
    _, errors = process.communicate()
    wall, peaks, after = time.monotonic() - start, watch.stop(), os.times()
    if process.returncode:
        raise RuntimeError(f"{command[:3]} ended with {process.returncode}: {errors}")
    used = (after.children_user + after.children_system) - (
        before.children_user + before.children_system
    )
    return wall, used, peaks


def measure(source: Path, count: int, processes: int, rounds: int) -> None:
    """Prints one table."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "VOC"
        repeat(source, root, count)
        names = sorted(
            {
                line.split("<name>")[1].split("<")[0]
                for path in (source / "Annotations").glob("*.xml")
                for line in path.read_text().split("<object>")[1:]
            }
        )
        (Path(place) / "labels.txt").write_text("\n".join(names))
        ingest = [sys.executable, "-m", "pipeline", "ingest", str(root)]
        ingest += ["--processes", str(processes)]
        given = ["--label-map", f"{place}/labels.txt"]
        runs = {
            "serial loop": [sys.executable, "-c", LOOP, str(root), f"{place}/loop"],
            "ingest": [*ingest, "--output", f"{place}/found"],
            "ingest, classes given": [*ingest, "--output", f"{place}/given", *given],
        }
        base = 0.0
        for name, command in runs.items():
            wall, used, peaks = min(timed(command) for _ in range(rounds))
            base = base or wall
            memory = " + ".join(f"{peak:.0f}" for peak in peaks)
            sys.stdout.write(
                f"{count:6d} {name:22s} {wall:7.1f} s {base / wall:5.2f}x "
                f"{count / wall:7.0f} images/s {count / used:6.0f} per CPU s "
                f"  {memory} MB\n"
            )
            sys.stdout.flush()


def main() -> None:
    """Reads the command line and measures every size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, help="default: the drawn sample")
    parser.add_argument("--images", type=int, nargs="+", default=[5000])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        source = args.source or Path(place)
        if not args.source:
            draw = [sys.executable, "-m", "pipeline", "sample-data", place]
            subprocess.run([*draw, "--images", "120"], check=True)
        for count in args.images:
            measure(source, count, args.processes, args.rounds)


if __name__ == "__main__":
    main()
