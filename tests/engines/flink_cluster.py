"""A Flink cluster on this machine: a job manager, two task managers, a job server.

    python tests/engines/flink_cluster.py build/flink     # installs what is missing

Flink 1.16.3 is of PyPI's `apache-flink-libraries`, the job server of Maven's
`beam-runners-flink-1.16` 2.51.0. All four listen on loopback; Beam's own servers take
all addresses, which is why `make test-flink` runs this in a network namespace.
"""

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "requirements"))

from uv_tool import InstallError, find_uv  # noqa: E402

FLINK = "apache-flink-libraries==1.16.3"
REST, JOB_PORT = 8081, 8099
# What Flink's scripts work out of a machine's memory; Java 17 opens nothing by itself.
CONF = f"""\
jobmanager.rpc.address: localhost
jobmanager.bind-host: localhost
jobmanager.memory.heap.size: 448m
taskmanager.host: localhost
taskmanager.bind-host: localhost
rest.address: localhost
rest.bind-address: localhost
rest.port: {REST}
taskmanager.cpu.cores: 2.0
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 128m
taskmanager.memory.task.heap.size: 640m
taskmanager.memory.task.off-heap.size: 64m
taskmanager.memory.network.min: 384m
taskmanager.memory.network.max: 384m
taskmanager.network.sort-shuffle.min-buffers: 16
taskmanager.memory.managed.size: 64m
taskmanager.memory.jvm-metaspace.size: 512m
taskmanager.memory.jvm-overhead.min: 64m
taskmanager.memory.jvm-overhead.max: 64m
taskmanager.numberOfTaskSlots: 2
parallelism.default: 2
akka.ask.timeout: 60 s
akka.startup-timeout: 120 s
heartbeat.interval: 2000
heartbeat.timeout: 60000
restart-strategy: fixed-delay
restart-strategy.fixed-delay.attempts: 10
restart-strategy.fixed-delay.delay: 5 s
cluster.evenly-spread-out-slots: true
classloader.resolve-order: parent-first
classloader.check-leaked-classloader: false
"""
LOGGING = """\
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = Console
appender.console.name = Console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss,SSS} %-5p %c{1} - %m%n
"""
OPENED = (
    *("java.io", "java.lang", "java.lang.reflect", "java.net", "java.nio"),
    *("java.text", "java.time", "java.util", "java.util.concurrent"),
    *("java.util.concurrent.atomic", "sun.net.util", "sun.nio.ch"),
)
FOR_A_SHORT_LIFE = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
# Jars of the job server that no one opens: 60 of 155 MB.
UNUSED = "flink-rpc-akka-loader,flink-shaded-zookeeper-3,grpc-xds"
# Beam sends the jars of its job server with every job, but for those in a folder named
# like this. The cluster has them. A link will not do: Beam follows it.
JARS = "gradle/wrapper"
RUNTIME = "org.apache.flink.runtime"
JOB_SERVER = "org.apache.beam.runners.flink.FlinkJobServerDriver"


def install(folder):
    """Flink and the job server's jars, into a folder; nothing that is there."""
    if not (folder / "python/pyflink/lib").is_dir():
        uv = find_uv(ROOT / "build")
        where = ["--target", str(folder / "python"), "--python", sys.executable]
        run([uv, "pip", "install", "-q", "--no-deps", *where, FLINK])
    if not (folder / JARS).is_dir():
        copy = ["dependency:copy-dependencies", f"-DoutputDirectory={folder}/jars.new"]
        copy += [f"-DexcludeArtifactIds={UNUSED}"]
        run(["mvn", "-q", "-B", "-f", str(HERE / "flink-job-server.xml"), *copy])
        (folder / JARS).parent.mkdir(exist_ok=True)
        (folder / "jars.new").rename(folder / JARS)


def run(command):
    subprocess.run(command, check=True)


def worker(folder, tree=None):
    """`voc-pipeline-worker` in this process's environment, or of another checkout."""
    from schemas import own_process

    path = Path(folder) / "worker"
    command = " ".join(own_process.command("pipeline.beam.worker"))
    paths = tree or own_process.environment()["PYTHONPATH"]
    path.write_text(f'#!/bin/sh\nPYTHONPATH={paths} exec {command} "$@"\n')
    path.chmod(0o755)
    return str(path)


def options(folder, parallelism, tree=None):
    """Of a command whose Beam stages run there, in processes of workers."""
    flags = {
        "job_endpoint": f"localhost:{JOB_PORT}",
        "parallelism": parallelism,
        "environment_type": "PROCESS",
        "environment_config": json.dumps({"command": worker(folder, tree)}),
        "environment_cache_millis": 3000,
        "flink_master": f"localhost:{REST}",
    }
    named = [f"--beam-arg=--{flag}={value}" for flag, value in flags.items()]
    return ["--runner", "flink", *named]


def children_of(pid):
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


class FlinkCluster:
    """Processes by name; `folder` takes configuration and logs."""

    def __init__(self, installed, folder):
        self._installed, self._folder = Path(installed), Path(folder)
        (self._folder / "conf").mkdir(parents=True)
        (self._folder / "conf/flink-conf.yaml").write_text(CONF)
        (self._folder / "conf/log4j.properties").write_text(LOGGING)
        self.processes = {}

    def start(self):
        """Starts all, one after another: a busy machine starves four at once."""
        main = f"{RUNTIME}.entrypoint.StandaloneSessionClusterEntrypoint"
        self._java("job manager", 448, main, *self._flink())
        self.wait_for("taskmanagers", lambda told: "taskmanagers" in told)
        for number in (1, 2):
            self.start_task_manager(number)
            self.wait_for_task_managers(number)
        self.start_job_server()

    def wait_for_task_managers(self, count):
        self.wait_for("taskmanagers", lambda told: len(told["taskmanagers"]) == count)

    def start_task_manager(self, number):
        main = f"{RUNTIME}.taskexecutor.TaskManagerRunner"
        self._java(f"task manager {number}", 768, main, *self._flink())

    def start_job_server(self):
        ports = [f"--job-port={JOB_PORT}", "--artifact-port=0", "--expansion-port=0"]
        where = ["--job-host=localhost", f"--flink-master=localhost:{REST}"]
        staged = f"--artifacts-dir={self._folder}/artifacts"
        self._java("job server", 512, JOB_SERVER, *where, *ports, staged)

    def _flink(self):
        return ["--configDir", str(self._folder / "conf")]

    def _java(self, name, heap_mb, main, *arguments):
        command = ["java", f"-Xmx{heap_mb}m", "-XX:MaxMetaspaceSize=512m"]
        command += ["-XX:MaxDirectMemorySize=768m", *FOR_A_SHORT_LIFE]
        command += [f"--add-opens=java.base/{part}=ALL-UNNAMED" for part in OPENED]
        command += [f"-Dlog4j.configurationFile={self._folder}/conf/log4j.properties"]
        command += ["-cp", self._class_path(main == JOB_SERVER), main, *arguments]
        with (self._folder / f"{name.replace(' ', '-')}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log)

    def _class_path(self, of_job_server):
        """Beam's jars lie beside Flink's own.

        Where a job brings them, Beam ends its Python workers after every step of the
        job: `--environment_cache_millis` counts for classes of Flink's loader alone.
        """
        if of_job_server:
            return f"{self._installed}/{JARS}/*"
        beam = sorted(
            str(jar)
            for jar in (self._installed / JARS).iterdir()
            if not jar.name.startswith(("flink-", "slf4j-"))
        )
        return ":".join([f"{self._installed}/python/pyflink/lib/*", *beam])

    def kill(self, name):
        """With SIGKILL."""
        self.processes[name].kill()
        self.processes.pop(name).wait()

    def stop(self):
        for name in list(self.processes):
            self.kill(name)

    def wait_for(self, path, holds, seconds=300):
        """What the job manager answers, as soon as it is as wanted."""
        end = time.monotonic() + seconds
        while True:
            for name, process in self.processes.items():
                assert process.poll() is None, f"{name} ended: see {self._folder}"
            told = self.ask(path)
            if told is not None and holds(told):
                return told
            assert time.monotonic() < end, f"{path} says {told}: see {self._folder}"
            time.sleep(0.2)

    def ask(self, path):
        """An answer of the job manager; None while it answers nothing."""
        try:
            with urllib.request.urlopen(f"http://localhost:{REST}/{path}") as answer:
                return json.load(answer)
        except OSError:
            return None


if __name__ == "__main__":
    try:
        install(Path(sys.argv[1]).resolve())
    except InstallError as error:
        sys.exit(f"flink: {error}")
