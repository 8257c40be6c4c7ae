# What a developer and CI run. `make` alone lists the targets; each makes the virtual environment first when it must.

PYTHON ?= python3
HELM ?= helm
ENGINE ?= $(firstword $(foreach each,docker podman buildah,$(shell $(each) info >/dev/null 2>&1 && echo $(each))))
IMAGES ?= headwater
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SOURCES := $(wildcard client server operator tests bench helm)
STUBS := client/headwater/v1
PROTOS = $(wildcard proto/headwater/v1/*.proto)
SERVICES = $(wildcard proto/headwater/v1/*_service.proto)
BASELINE := proto/baseline.binpb

# The plugins of protoc are found on the PATH; google/api/*.proto lie in site-packages.
PROTOC = PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m grpc_tools.protoc --proto_path=proto \
	--proto_path="$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"

# $(call generate,DIRECTORY) writes the stubs below DIRECTORY. Only services get gRPC stubs: others would be empty files.
define generate
	@$(PROTOC) --python_out=$(1) --mypy_out=quiet:$(1) $(PROTOS)
	@$(PROTOC) --grpc_python_out=$(1) --mypy_grpc_out=quiet:$(1) $(SERVICES)
endef

.PHONY: help
help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: venv
venv: $(STAMP) ## Make .venv with everything a developer needs

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Headwater needs Python 3.11 or later: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "This Python cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[server,operator,emitter,cli,dev]'
	@touch $@

.PHONY: check
check: lint types layers proto-lint proto-check architecture chart-readme chart-lint ## Check style, types, layers and the contract; changes nothing

.PHONY: lint
lint: $(STAMP)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

.PHONY: types
types: $(STAMP)
	$(BIN)/mypy

.PHONY: layers
layers: $(STAMP)
	$(BIN)/lint-imports

# The chart's README tells the values as values.yaml does.
.PHONY: chart-readme
chart-readme: $(STAMP)
	@$(BIN)/python helm/chart_readme.py --check

# Helm's log is left out: it has what `fail` would say if it did not lint. Where there is no Helm, tests/helm says so, too.
.PHONY: chart-lint
chart-lint:
	@if command -v $(HELM) >/dev/null; then set -e; for values in helm/headwater/ci/*-values.yaml; do \
		$(HELM) lint --quiet --strict helm/headwater --kube-version 1.34 --values $$values 2>/dev/null; done; \
	else echo "the chart is not linted: there is no helm (HELM names one)"; fi

.PHONY: architecture
architecture: $(STAMP)
	$(BIN)/python -m pytest -q tests/architecture

.PHONY: test
test: $(STAMP) ## Run the tests, except those against real peers and clusters
	$(BIN)/python -m pytest -n auto --dist worksteal tests --ignore=tests/e2e --ignore=tests/integrations

.PHONY: test-integrations
test-integrations: $(STAMP) ## Run the tests against real producers of events
	$(BIN)/python -m pytest tests/integrations

.PHONY: torture
torture: $(STAMP) ## Kill, cut the power and take the server away far more often than in make test (hours)
	HEADWATER_TORTURE_SPOOL_KILLS=500 HEADWATER_TORTURE_EMITTER_KILLS=500 HEADWATER_TORTURE_POWER_CUTS=200 \
	HEADWATER_TORTURE_AWAY_SECONDS=600 $(BIN)/python -m pytest -rP tests/client/spool/test_kill.py \
		tests/client/spool/test_power_cut.py tests/emitter/test_kill.py tests/emitter/test_delivery.py

.PHONY: e2e
e2e: $(STAMP) ## Run the tests on a real Kubernetes: KUBECONFIG's, else kind's, else a node built here (root; 20 minutes, once)
	$(BIN)/python -m tests.e2e

.PHONY: golden
golden: $(STAMP) ## Rewrite the golden files from what the code says now
	HEADWATER_GOLDEN=write $(BIN)/python -m pytest tests/cli tests/operator/webhook/test_shapes.py tests/helm

.PHONY: fmt
fmt: $(STAMP) ## Format the code
	$(BIN)/ruff check --fix-only $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

.PHONY: proto
proto: $(STAMP) ## Write the stubs of the contract
	@mkdir -p $(STUBS) && rm -f $(STUBS)/*_pb2.py $(STUBS)/*_pb2.pyi $(STUBS)/*_pb2_grpc.py $(STUBS)/*_pb2_grpc.pyi
	$(call generate,client)

.PHONY: proto-check
proto-check: $(STAMP)
	@rm -rf build/stubs && mkdir -p build/stubs/headwater/v1 && cp $(STUBS)/__init__.py build/stubs/headwater/v1/
	$(call generate,build/stubs)
	@diff --recursive --brief --exclude=__pycache__ build/stubs/headwater/v1 $(STUBS) || \
		{ echo "The stubs differ from proto/: run make proto" >&2; exit 1; }

.PHONY: proto-lint
proto-lint: $(STAMP)
	@mkdir -p build
	@$(PROTOC) --include_imports --include_source_info --descriptor_set_out=build/contract.binpb $(PROTOS)
	$(BIN)/buf lint build/contract.binpb --config buf.yaml --path headwater
	@if [ -e $(BASELINE) ]; then set -x; \
		$(BIN)/buf breaking build/contract.binpb --config buf.yaml --against $(BASELINE) --against-config buf.yaml --path headwater; fi

.PHONY: crd
crd: $(STAMP) ## Write the definition of LineagePipeline into the chart
	@mkdir -p helm/headwater/files
	$(BIN)/python -m headwater_operator.pipeline.crd > helm/headwater/files/lineagepipelines.headwater.dev.yaml

.PHONY: chart
chart: crd ## Write what the chart takes from elsewhere: the definition of LineagePipeline, permissions, its README's values
	$(BIN)/headwater-operator rbac > helm/headwater/files/operator-rbac.yaml
	$(BIN)/headwater-operator rbac --namespaces namespace > helm/headwater/files/operator-namespaced-rbac.yaml
	$(BIN)/headwater-operator rbac --program webhook > helm/headwater/files/webhook-rbac.yaml
	$(BIN)/python helm/chart_readme.py

.PHONY: images
images: ## Build the images: with docker, podman or buildah (ENGINE; BUILD_OPTIONS), on any Python (BASE)
	@[ -n "$(ENGINE)" ] || { echo "Images are built by docker, podman or buildah, and none of them answers" >&2; exit 1; }
	set -e; for target in server operator emitter; do \
		$(ENGINE) build $(BUILD_OPTIONS) --target $$target --tag $(IMAGES)/$$target:$(VERSION) $(if $(BASE),--build-arg BASE=$(BASE)) \
			--build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null) .; done

.PHONY: proto-baseline
proto-baseline: $(STAMP) ## Declare today's contract released: later ones must be compatible with it
	@$(PROTOC) --include_imports --descriptor_set_out=$(BASELINE) $(PROTOS)

.PHONY: bench
bench: $(STAMP) ## Measure on a small graph
	$(BIN)/python bench/run.py $(if $(OUTPUT),--output $(OUTPUT))

.PHONY: bench-large
bench-large: $(STAMP) ## Measure at 0.5, 5 and 50 million events in STORE=folder (hours, 65 GB); stopped, it goes on
	@[ -n "$(STORE)" ] || { echo "Say where the store is to be, and stay: make bench-large STORE=/large/disk/store" >&2; exit 1; }
	$(BIN)/python bench/large.py --store $(STORE) $(if $(OUTPUT),--output $(OUTPUT))

.PHONY: bench-reads
bench-reads: $(STAMP) ## Measure reads of a graph of three million links in STORE=folder (15 GB; filled once, in some minutes)
	@[ -n "$(STORE)" ] || { echo "Say where the store is to be, and stay: make bench-reads STORE=/large/disk/graph" >&2; exit 1; }
	$(BIN)/python bench/reads.py --store $(STORE) $(if $(OUTPUT),--output $(OUTPUT))

.PHONY: demo
demo: $(STAMP) ## Start a server with an example graph
	$(BIN)/headwater-server demo

.PHONY: clean
clean: ## Remove what was made, except the virtual environment
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
