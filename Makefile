# `make demo` and `make test` are all the set-up there is: each builds .venv when it is absent, and installs the locked
# requirements when they are newer than what is in it. `make test PYTHON=python3.13` builds it with another interpreter.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
# The last thing an installation writes: one that was interrupted begins again.
INSTALLED := .venv/.installed

.PHONY: help demo docs test test-slow test-all coverage bench lock format clean FORCE

help:
	@echo "make demo       real customers' lifetime values, into demo-output/"
	@echo "make test       linters, types and tests, as CI runs them"
	@echo "make test-slow  the tests that take minutes"
	@echo "make test-all   those too, and the wheel on Python 3.11, on 3.13 and with the oldest versions allowed"
	@echo "make coverage   lines and branches that the tests run, into docs/reliability.md"
	@echo "make bench      speed and memory beside the peers, and how well intervals hold (an hour)"
	@echo "make docs       the pages, with references built from the code, into build/docs/"
	@echo "make lock       requirements/py*.txt from pyproject.toml (UPGRADE=1: with the newest versions)"
	@echo "make format     sort imports and format"
	@echo "make clean      remove .venv and all that was built"

demo: $(INSTALLED)
	$(BIN)/lifecast demo --out demo-output

test: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict src
	$(BIN)/pytest -n 2 --durations=10

test-slow: $(INSTALLED)
	$(BIN)/pytest --slow -m slow --durations=0

test-all: test test-slow
	bash requirements/test_all.sh

# Coverage sees nothing of what is compiled, so what tests the kernels runs a second time uncompiled, but for
# what asks so much of them that Python would take minutes: millions of draws, a search without an end.
UNCOMPILED := tests/test_kernels_*.py tests/test_robust_kernels_*.py tests/test_evaluation_scores_*.py \
  tests/test_spend_nodes_*.py tests/test_forecast_figures_*.py tests/test_forecast_parts_*.py
coverage: $(INSTALLED)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n 2
	NUMBA_DISABLE_JIT=1 $(BIN)/coverage run -m pytest -n 2 $(UNCOMPILED) \
	  -k "not compiled_once and not streams and not quadrature and not million and not without_an_end" \
	  -W "ignore:overflow encountered in scalar:RuntimeWarning"
	$(BIN)/coverage combine -q
	$(BIN)/coverage json -q -o build/coverage.json
	$(BIN)/python docs/make_reliability.py --coverage build/coverage.json

bench: $(INSTALLED)
	$(BIN)/python benchmarks/beside_peers.py --write
	$(BIN)/python benchmarks/fitting.py
	$(BIN)/python benchmarks/scoring.py
	$(BIN)/python benchmarks/limit.py
	$(BIN)/python benchmarks/file_to_file.py --customers 100000 1000000
	$(BIN)/python benchmarks/out_of_core.py --transactions 10000000
	$(BIN)/python benchmarks/backtesting.py
	$(BIN)/python benchmarks/interval_coverage.py

docs: $(INSTALLED)
	$(BIN)/sphinx-build -q -W --keep-going -c docs . build/docs -d build/doctrees
	@echo "Open build/docs/index.html."

lock:
	bash requirements/lock.sh $(if $(UPGRADE),--upgrade)

format: $(INSTALLED)
	$(BIN)/ruff check --select I --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv build dist demo-output .mypy_cache .pytest_cache .ruff_cache .hypothesis src/lifecast.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# With PYTHON= always, so that it is told when .venv holds another one.
$(INSTALLED): pyproject.toml $(wildcard requirements/*.txt) $(if $(PYTHON),FORCE)
	@bash requirements/install.sh $(PYTHON)
	@touch $@
