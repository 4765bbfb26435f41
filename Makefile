# `make` alone lists the targets. Each one installs what it needs first.
.DEFAULT_GOAL := help
.PHONY: help install demo test browser lint fmt bench fuzz retrain prism test-flink \
	bench-flink faults-flink test-hosts test-older-tensorflow lock image sbom clean
PYTHON ?= python3
BIN := .venv/bin
FOLDERS := $(filter-out tests/__pycache__/,$(wildcard tests/*/))
# For `make image`: what builds it, its name, and `cuda` for GPUs.
CONTAINERS ?= $(firstword $(shell command -v docker podman))
IMAGE ?= voc-pipeline:dev
ACCELERATOR ?=
TESTS ?= $(wildcard tests/test_*.py) $(FOLDERS)

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' \
		$(MAKEFILE_LIST)

install:  ## make .venv/ from the lock file for this machine; nothing if it is there
	@command -v $(PYTHON) >/dev/null || \
		{ echo "install: no $(PYTHON) on PATH: apt install python3" >&2; exit 1; }
	@$(PYTHON) requirements/install.py

demo: install  ## draw a sample data set and run the whole pipeline on it
	$(BIN)/voc-pipeline sample-data runs/demo/data --images 240 --seed 0
	$(BIN)/voc-pipeline run --data runs/demo/data --root runs/demo --preset demo

# Two at a time, in the order of tests/conftest.py: the longest files first.
test: install  ## run every test; PYTEST="-m 'not slow and not e2e'" for the fast ones
	PATH="$(CURDIR)/build/bin:$$PATH" $(BIN)/pytest -rs -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST) $(TESTS)

browser: install  ## the pages in a headless Chromium; apt install chromium-driver first
	@command -v chromedriver >/dev/null || \
		{ echo "browser: no chromedriver on PATH: apt install chromium-driver" >&2; exit 1; }
	$(BIN)/pytest -rs -s tests/components/report/test_in_browser.py tests/pipeline/label_prices/test_answers_in_browser.py

lint: install  ## ruff and mypy, as CI does
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy requirements

fmt: install  ## format, and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install  ## run every benchmark; benchmarks/README.md has figures and machines
	@set -e; for file in $(filter-out %_sides.py %_data.py,$(wildcard benchmarks/*.py)); do \
		echo "== $$file"; $(BIN)/python $$file; done

fuzz: install  ## 5,000 damaged images a kind through ingest and the decoder (3 min)
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python tests/fuzz/fuzz_decoding.py --each 5000 2>/dev/null

retrain: install  ## weeks of a schedule, killed in each stage (12 CPU minutes)
	$(BIN)/pytest -q -s tests/e2e/retraining.py

prism: build/bin/prism  ## Beam's runner in Go, for its tests; Go of https://go.dev/dl first
build/bin/prism:
	@command -v go >/dev/null || { echo "prism: no go on PATH" >&2; exit 1; }
	GOBIN="$(CURDIR)/build/bin" go install github.com/apache/beam/sdks/v2/go/cmd/prism@v2.77.0

# Beam's servers listen on all addresses: in this network there is none but loopback.
# What was started ends with the test, however that ends.
ALONE := unshare $(if $(filter 0,$(shell id -u)),,--map-root-user) --net --pid --fork \
	--kill-child --mount-proc sh -c 'ip link set lo up && exec "$$@"' sh

build/flink: install
	@command -v java mvn >/dev/null || \
		{ echo "flink: no java or mvn on PATH: apt install default-jdk maven" >&2; exit 1; }
	@$(BIN)/python tests/engines/flink_cluster.py $@

test-flink: build/flink  ## our stages on a Flink cluster here; apt install default-jdk maven first
	BUILD=$(CURDIR)/build/flink $(ALONE) $(BIN)/pytest -q -s tests/engines/on_flink.py

bench-flink: build/flink  ## what ingest costs there; SOURCE=VOCdevkit/VOC2007 for real images
	$(ALONE) $(BIN)/python benchmarks/runners.py --flink build/flink \
		$(if $(SOURCE),--source $(SOURCE))

faults-flink: build/flink  ## kill -9 at ten random moments of an ingest there (10 min); SOURCE, IMAGES
	$(ALONE) $(BIN)/python tests/engines/flink_faults.py --flink build/flink \
		$(if $(SOURCE),--source $(SOURCE)) $(if $(IMAGES),--images $(IMAGES))

test-hosts: install  ## two processes train one model, one is killed (4 CPU minutes)
	$(BIN)/pytest -q -s tests/trainer/training/several_hosts.py tests/pipeline/cli/whole_training.py

test-older-tensorflow: install  ## an exported model in TensorFlow 2.15 and 2.19 (2.4 GB)
	$(BIN)/pytest -q -s tests/trainer/serving/on_older_tensorflow.py

lock:  ## regenerate both lock files; UPGRADE=--upgrade takes the newest versions
	@$(PYTHON) requirements/lock.py $(UPGRADE)

image:  ## build IMAGE=voc-pipeline:dev with docker or podman; ACCELERATOR=cuda for GPUs
	@test -n "$(CONTAINERS)" || \
		{ echo "image: no docker or podman on PATH: apt install podman" >&2; exit 1; }
	$(CONTAINERS) build --platform linux/amd64 -f kubeflow/Dockerfile \
		--build-arg ACCELERATOR=$(ACCELERATOR) -t $(IMAGE) .
	$(CONTAINERS) run --rm $(IMAGE) voc-pipeline --help

sbom: install  ## list what the image's lock installs, as CycloneDX JSON: build/sbom.json
	@mkdir -p build
	$$(command -v uv || echo build/uv-*/uv) tool run --from "cyclonedx-bom>=7,<8" \
		cyclonedx-py requirements requirements/lock-glibc-2.39.txt > build/sbom.json

clean:  ## remove caches, builds and the demo's run; keeps .venv/ and other runs
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .coverage
	rm -rf runs/demo
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
