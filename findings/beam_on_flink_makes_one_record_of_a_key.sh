#!/usr/bin/env bash
# Beam's Flink runner, run for Python in batch, makes one record of all values of a key,
# which must fit into the memory that one step may sort in: GroupByKey fails for a key
# whose values are larger together, however small each is. Beam's local runner hands them
# on, and Flink takes as much where it has many keys. A CombineFn that combines to one
# large value meets it, too.
#
# 384 values of 1 MB, of one key and of 384, counted by key; Flink's own cluster inside the
# job server ([local]), parallelism 1. Needs java (11 or 17) and mvn.
# Seen with apache-beam 2.77.0, beam-runners-flink-1.16 2.51.0, Java 17:
#   this machine, one key: 384 values
#   flink, many keys: 384 values
#   flink, one key: The record exceeds the maximum size of a sort buffer
set -euo pipefail
place=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet apache-beam==2.77.0
cat > "$place/pom.xml" <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>finding</groupId><artifactId>job-server</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.beam</groupId>
      <artifactId>beam-runners-flink-1.16</artifactId>
      <version>2.51.0</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
XML
mvn -q -B -f "$place/pom.xml" dependency:copy-dependencies -DoutputDirectory="$place/jars" > "$place/mvn.log"
open=()
for package in io lang lang.reflect net nio text time util util.concurrent util.concurrent.atomic; do
  open+=("--add-opens=java.base/java.$package=ALL-UNNAMED")
done
java -Xmx3g "${open[@]}" -cp "$place/jars/*" org.apache.beam.runners.flink.FlinkJobServerDriver \
  --flink-master='[local]' --job-host=localhost --job-port=8199 --artifact-port=0 \
  --expansion-port=0 --artifacts-dir="$place/artifacts" > "$place/server.log" 2>&1 &
cat > "$place/run.py" <<'PYTHON'
import re, socket, sys, time

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

VALUES, SIZE = 384, 1 << 20
FLINK = ["--runner=PortableRunner", "--job_endpoint=localhost:8199",
         "--environment_type=LOOPBACK", "--parallelism=1"]


def count(name, arguments, keys):
    try:
        with beam.Pipeline(options=PipelineOptions(arguments)) as pipeline:
            _ = (
                pipeline
                | beam.Create(range(VALUES))
                | beam.Map(lambda number: (number % keys, bytes(SIZE)))
                | beam.GroupByKey()
                | beam.Map(lambda group: (0, sum(1 for _ in group[1])))
                | beam.CombinePerKey(sum)
                | beam.Map(lambda total: print(f"{name}: {total[1]} values", flush=True))
            )
    except RuntimeError as error:
        said = re.search("The record exceeds the maximum size of a sort buffer", str(error))
        print(f"{name}: {said[0] if said else error}", flush=True)


while True:
    with socket.socket() as probe:
        if probe.connect_ex(("localhost", 8199)) == 0:
            break
    time.sleep(0.5)
count("this machine, one key", ["--runner=FnApiRunner"], 1)
count("flink, many keys", FLINK, VALUES)
count("flink, one key", FLINK, 1)
PYTHON
seen=$("$place/venv/bin/python" "$place/run.py" 2> "$place/run.log") || { tail "$place/run.log" >&2; exit 1; }
echo "$seen"
[ "$seen" = "this machine, one key: 384 values
flink, many keys: 384 values
flink, one key: The record exceeds the maximum size of a sort buffer" ] ||
  { echo "this has changed" >&2; exit 1; }
