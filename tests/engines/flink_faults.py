"""What is killed at a random moment of an ingest on Flink, and what comes out.

    make faults-flink SOURCE=VOCdevkit/VOC2007 IMAGES=5000

Ten times `kill -9`, of a Python worker, a task manager (which is started again), the
job server or the command, at moments that a seed draws within the time of a run that
nobody disturbs, on JVMs that have run one such job before. Where a run had ended by
then, its time is taken instead and the next moment drawn. Right is: status 0, the
bytes of a local run and nothing on stderr; or one line, another status and no output.
A command that is killed says nothing, and its job, which may run on, must leave no
output either. Each run but the first finds what the one before left.
"""

import argparse
import itertools
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from flink_cluster import ROOT, FlinkCluster, children_of, options

sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from ingest import copy_images, drawn_sample  # noqa: E402

from schemas import own_process  # noqa: E402

VICTIMS = ("command", "job server", "worker", "task manager")


def files_of(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


class Trial:
    """One ingest after the other of the same data to the same output."""

    def __init__(self, place, data, cluster, seed):
        self._place, self._data, self._cluster = place, data, cluster
        self._out = place / "out"
        self._random = random.Random(seed)
        config = place / "any.json"
        config.write_text(
            '{"images_per_shard": 25, "max_rejected_images": 1, '
            '"max_dropped_objects": 1}'
        )
        self._command = [*own_process.command("pipeline"), "ingest", str(data)]
        self._command += ["--quiet", "--config", str(config)]

    def local(self):
        """Keeps what a run here writes."""
        here = self._place / "here"
        subprocess.run([*self._command, "--output", str(here)], check=True)
        self._right = files_of(here)

    def start(self):
        return subprocess.Popen(
            [*self._command, "--output", str(self._out), *options(self._place, 2)],
            stderr=subprocess.PIPE,
            text=True,
        )

    def undisturbed(self):
        """Seconds of a run that nobody disturbs."""
        start = time.monotonic()
        process = self.start()
        _, errors = process.communicate()
        assert self.told(process, errors) == "the same bytes", errors
        return time.monotonic() - start

    def told(self, process, errors):
        """What came out, in words; AssertionError if it is wrong."""
        if process.returncode == 0:
            assert not errors, errors
            assert files_of(self._out) == self._right, "0, and other bytes"
            shutil.rmtree(self._out)
            return "the same bytes"
        assert not self._out.exists(), "an output that looks whole"
        lines = errors.splitlines()
        assert len(lines) == (process.returncode > 0), errors
        return f"{process.returncode}, no output; {lines[0] if lines else 'no line'}"

    def shards_done(self):
        staging = self._place / f".{self._out.name}.partial/.staging"
        return len(list(staging.glob("*/results/*")))

    def disturbed(self, victim, moment_s):
        """Kills, waits, and says what came out; the cluster is whole again.

        "" where the run had ended before the moment.
        """
        process = self.start()
        try:
            process.wait(timeout=moment_s)
        except subprocess.TimeoutExpired:
            done = self.shards_done()
            self._kill(victim, process)
        else:
            done = None
        _, errors = process.communicate(timeout=500)
        told = self.told(process, errors)
        self._await_idle()
        assert not self._out.exists(), "an output after its command"
        return "" if done is None else f"{done:3d} shards done | {told}"

    def _kill(self, victim, process):
        cluster = self._cluster
        if victim == "command":
            process.kill()
        elif victim == "job server":
            cluster.kill(victim)
            cluster.start_job_server()
        elif victim == "task manager":
            number = self._random.choice((1, 2))
            cluster.kill(f"{victim} {number}")
            cluster.start_task_manager(number)
        else:
            self._kill_a_worker(process)

    def _kill_a_worker(self, process):
        """One of those at work; the first to come where there is none yet."""
        managers = [self._cluster.processes[f"task manager {n}"] for n in (1, 2)]
        while process.poll() is None:
            found = [pid for manager in managers for pid in children_of(manager.pid)]
            if found:
                os.kill(self._random.choice(found), 9)
                return
            time.sleep(0.1)

    def _await_idle(self):
        """A job that outlived its command ends by itself."""
        ended = {"FINISHED", "FAILED", "CANCELED"}
        self._cluster.wait_for(
            "jobs/overview", lambda told: {j["state"] for j in told["jobs"]} <= ended
        )
        self._cluster.wait_for_task_managers(2)


def disturb(trial, victims, draw):
    """Yields the undisturbed time, then a row for each of the victims."""
    seconds = trial.undisturbed()
    yield f"undisturbed: {seconds:.0f} s"
    for victim in victims:
        told = ""
        while not told:
            part, start = draw.random(), time.monotonic()
            told = trial.disturbed(victim, part * seconds)
            if not told:
                seconds = min(seconds, time.monotonic() - start)
                yield f"undisturbed: {seconds:.0f} s"
        yield f"| {victim} | {part:4.0%} | {told} |"


def main():
    """Prints a row of a table for each moment."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, help="VOC directory (default: drawn)")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--moments", type=int, default=10)
    parser.add_argument("--victims", nargs="*", default=VICTIMS)
    parser.add_argument("--flink", type=Path, default=ROOT / "build/flink")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        source = args.source or drawn_sample(place / "drawn")
        copy_images(source, place / "VOC", args.images)
        cluster = FlinkCluster(args.flink, place / "cluster")
        try:
            cluster.start()
            trial = Trial(place, place / "VOC", cluster, args.seed)
            trial.local()
            print(f"first run: {trial.undisturbed():.0f} s", flush=True)
            victims = itertools.islice(itertools.cycle(args.victims), args.moments)
            for row in disturb(trial, victims, random.Random(args.seed)):
                print(row, flush=True)
        finally:
            cluster.stop()


if __name__ == "__main__":
    main()
