# `make` alone prints this help. Everything runs in .venv, made on first use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo pictures test check bench results distribution kills sweepkills format clean

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else "manyviews needs Python 3.11 to 3.13, $(PYTHON) is %d.%d; type make PYTHON=python3.12" % v)'
	$(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV): about 6 GB with torch, some minutes"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(INSTALLED)  ## pretrain on the embedded images, evaluate, write a report (<= 5 min on 2 cores)
	$(BIN)/manyviews pretrain experiment=demo
	$(BIN)/manyviews evaluate run=$$($(BIN)/manyviews where experiment=demo)

pictures: $(INSTALLED)  ## the pictures of README and docs (about 8 min; needs chromium; commit first)
	$(BIN)/python -W ignore benchmarks/pictures.py

test: $(INSTALLED)  ## the whole suite (<= 12 min on 2 cores)
	@command -v chromium >/dev/null || echo "no chromium here: the page tests are skipped (Debian: apt-get install chromium)"
	@command -v chromedriver >/dev/null || echo "no chromedriver here: the page tests are skipped (Debian: apt-get install chromium-driver)"
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal

check: $(INSTALLED)  ## formatting, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

bench: $(INSTALLED)  ## ratios against lightly, kornia, torchvision, into docs/performance.md (about 25 min; commit first)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python benchmarks/run.py

results: $(INSTALLED)  ## the tables of conf/tables that need no download, into docs/results.md (about 100 min on 2 quiet cores; commit first)
	OMP_NUM_THREADS=1 $(BIN)/manyviews reproduce -j 2 runs=runs/results file=docs/results.md \
		'table=[fashion_mnist_mini,simlap_ablation,vne,demo,rebar_watch]'

distribution: $(INSTALLED)  ## do W processes equal one? into docs/distribution.md (about 5 min; commit first)
	$(BIN)/python -W ignore benchmarks/distribution.py

kills: $(INSTALLED)  ## 6 SIGKILLs per method against undisturbed runs, into docs/resume.md (about 10 min; commit first)
	$(BIN)/python -W ignore benchmarks/kills.py

sweepkills: $(INSTALLED)  ## 20 SIGKILLs of a sweep and its trials, into docs/sweep_kills.md (about 10 min; commit first)
	$(BIN)/python -W ignore benchmarks/sweep_kills.py

format: $(INSTALLED)  ## mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## remove the environment, caches and builds; runs/ stays
	rm -rf $(VENV) dist build .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
