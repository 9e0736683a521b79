# One front door for people and for CI. `make help` lists the words.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help score check test docs plugins oldest bench gpu lint wheel demo-weights clean

help: ## list these words
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[test,scale,lint]'
	touch $@

score: $(VENV)/installed ## score the three built-in models on the built-in dataset
	$(BIN)/pytest -m accuracy

# Each worker computes with one thread: two that have as many threads as there are cores wait for each other; and where a
# test has two, none of them spins while it waits. Compiled tests are kept, whatever the environment says: to compile them
# takes each worker 6 seconds, each time. Three on two cores: tests wait for the processes that they start.
WORKERS ?= 3
TESTS := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/pytest tests -n $(WORKERS) --dist worksteal

check: lint ## lint, and the quick tests: before each commit, about 2 minutes
	$(TESTS) -m 'not slow'

test: $(VENV)/installed ## all tests, about 10 minutes on 2 cores
	$(TESTS)

$(VENV)/docs-installed: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@

docs: $(VENV)/docs-installed ## build the documentation site into docs/_build, warnings are errors
	$(BIN)/sphinx-build -W --keep-going -q -E -b html docs docs/_build
	@echo "docs/_build/index.html"

PLUGINS := .venv-plugins

$(PLUGINS)/installed: $(VENV)/installed
	$(BIN)/python -m venv $(PLUGINS)
	echo "import site; site.addsitedir('$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')')" \
	  > $$($(PLUGINS)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/installed-here.pth
	$(PLUGINS)/bin/python -m pip install --quiet --editable '.[plugins]'
	touch $@

plugins: $(PLUGINS)/installed ## run other plugins' tests with imgcls and without: the same results, in under 3 minutes
	$(PLUGINS)/bin/python bench/plugin_matrix.py

OLDEST := .venv-oldest

oldest: ## compare the goldens on the oldest supported versions of all libraries
	$(PYTHON) -m venv $(OLDEST)
	sed -nE 's/^  "([a-z-]+)>=([0-9.]+).*/\1==\2.*/p' pyproject.toml > $(OLDEST)/constraints.txt
	$(OLDEST)/bin/python -m pip install --quiet --editable '.[test]' --constraint $(OLDEST)/constraints.txt
	$(OLDEST)/bin/pytest tests/e2e/test_goldens.py tests/e2e/test_suite.py

bench: $(VENV)/installed ## time the built-in models
	$(BIN)/pytest bench

# Installs nothing: a machine with a GPU often has its own torch and no network.
gpu: ## measure all that needs a GPU, in at most 8 minutes; DRY=1 tries it all without one
	$(or $(wildcard $(BIN)/python),$(PYTHON)) bench/gpu.py $(if $(DRY),--dry-run)

lint: $(VENV)/installed ## ruff, mypy and the contract of the wings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

wheel: $(VENV)/installed ## build the wheel, install it alone, and score with it
	rm -rf dist .venv-wheel
	$(BIN)/python -m build --wheel --outdir dist
	$(PYTHON) -m venv .venv-wheel
	.venv-wheel/bin/python -m pip install --quiet dist/*.whl
	.venv-wheel/bin/imgcls examples .venv-wheel/examples
	cd .venv-wheel/examples/digits && ../../bin/pytest -m accuracy --imgcls-store off
	cd .venv-wheel/examples/digits && ../../bin/imgcls score --store off

BUILTIN := src/imgcls/builtin
INPUT := resize = 32, crop = 32, interpolation = "bilinear", mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5]
TRAIN := OMP_NUM_THREADS=1 $(BIN)/imgcls train builtin:digits --no-flip --input '$(INPUT)'
DEMO := .demo-weights

demo-weights: $(VENV)/installed ## train the built-in models again, from scratch
	rm -rf $(DEMO)
	$(TRAIN) --arch timm:test_resnet --epochs 15 --scale 0.7 1 --out $(DEMO)/digits_resnet
	$(TRAIN) --arch timm:test_efficientnet --epochs 15 --scale 0.7 1 --out $(DEMO)/digits_efficientnet
	$(TRAIN) --arch timm:test_vit --options 'img_size = 32, patch_size = 8' --epochs 60 --scale 0.8 1 --lr 0.002 \
	  --out $(DEMO)/digits_vit
	for name in resnet efficientnet vit; do \
	  cp $(DEMO)/digits_$$name/last.safetensors $(BUILTIN)/digits_$$name.safetensors || exit 1; \
	done
	rm -rf $(DEMO)

clean: ## remove what was installed and computed here
	rm -rf $(VENV) .venv-wheel $(PLUGINS) $(OLDEST) .imgcls dist docs/_build docs/reference
