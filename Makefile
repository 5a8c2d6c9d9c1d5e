# Two commands: `make test` and `make bench`. Each does all of its own set-up, in .venv; `make help`
# lists the others.
# Hundreds of processes import what is here; without their bytecode each compiles it anew.
unexport PYTHONDONTWRITEBYTECODE
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What is not about other engines.
OURS := --ignore=bench/suite/bench_engines.py --ignore=bench/suite/bench_compilers.py
# The properties of the engine, of statistics and of verdicts, without the slowest two modules.
QUICK := tests/engine tests/bench/verdicts tests/bench/timelines tests/bench/test_statistics.py \
  tests/test_house.py --ignore=tests/engine/test_depth.py --ignore=tests/engine/test_compile_programs.py
# What is never imported is never compiled: that is half of the time of an installation.
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-compile \
  --constraint constraints.txt
XDIST := -n 2 --dist worksteal -p no:benchmark

.PHONY: help test tests test-thorough cluster test-quick test-engines bench engines compilers gate \
  gate-instructions selftest goals keeping published history instructions laws lines \
  pictures docs shown lint types \
  format dist clean
.DEFAULT_GOAL := test

help: ## what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

$(VENV)/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "gradmeter needs Python 3.11 or later; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "this Python cannot make virtual environments; on Debian: apt install python3-venv"; exit 1; }
	$(PIP) --editable '.[dev]'
	@touch $@

$(VENV)/peers: $(VENV)/ready
	$(PIP) --editable '.[peers]'
	@touch $@

# All at once, since mypy takes one core only.
test: $(VENV)/ready ## style, types and all tests but those of other engines; 12 minutes
	@+$(MAKE) --no-print-directory --jobs=3 lint types tests

# Those of other engines' adapters need the engines: make test-engines.
tests: $(VENV)/ready
	$(BIN)/python -m pytest tests $(XDIST) --ignore=tests/bench/engines

# With every example of each property, and every case that is chosen by chance or crossed with
# others: see tests/thorough.py. To be run before a release.
test-thorough: export THOROUGH := 1
test-thorough: test ## the same with every example and case; before a release

# While one thing is changed: what needs no other process, in about a minute.
test-quick: $(VENV)/ready ## the properties of the engine and of verdicts; about a minute
	$(BIN)/python -m pytest $(QUICK) $(XDIST) --quiet

# The adapters against the engines themselves; one that is not installed fails.
test-engines: $(VENV)/peers ## the adapters of other engines
	GRADMETER_PEERS=1 $(BIN)/python -m pytest tests/bench/engines $(XDIST)

# A run of 40 groups on two workers of a Dask cluster, of which one is killed, then the client, then
# the scheduler: its result is that of a local run. The same on four machines that are namespaces,
# where Linux lets this user make any. Then what a group takes more on a worker.
cluster: $(VENV)/ready ## a run on a Dask cluster whose machines are killed
	GRADMETER_GROUPS=40 $(BIN)/python -m pytest tests/bench/machines -p no:benchmark -rs
	$(BIN)/python -m tests.bench.machines.overhead

lint: $(VENV)/ready ## ruff, check and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/ready ## mypy --strict
	$(BIN)/mypy

bench: $(VENV)/ready ## our engine, its variants and its compiler: the suite, measured; 4 minutes
	$(BIN)/python -m pytest bench/suite $(OURS) --benchmark-only --benchmark-max-time=0.4 --bench-sets=8 --benchmark-quiet

# Every engine that `pip install 'gradmeter[peers]'` brings, in one table; about 20 minutes.
engines: $(VENV)/peers ## every engine in one table; 20 minutes
	$(BIN)/python -m pytest bench/suite/bench_engines.py --benchmark-only --benchmark-max-time=0.8 --bench-sets=8 --bench-out=reports/engines --benchmark-quiet

# The peaks of engines whose arrays are NumPy's, explained line by line.
lines: $(VENV)/peers ## reports/lines.md: where the bytes are, line by line
	@{ echo '# Where the bytes are, line by line'; echo; \
	  echo 'Exact bytes of three engines and ours, the same in every run; made by `make lines`.'; \
	  for variant in engine dezero autograd mygrad; do \
	    for workload in squares-3 goldstein_price; do \
	      command="gradmeter lines $$workload --variant $$variant"; \
	      echo; echo "## $$workload, $$variant"; echo; echo '```console'; echo "$$ $$command"; \
	      COLUMNS=100 $(BIN)/$$command | sed 's/ *$$//'; echo '```'; \
	    done; \
	  done; } > reports/lines.md.new && mv reports/lines.md.new reports/lines.md

# The laws of every workload, for every engine whose arrays are NumPy's and for ours in its
# variants: a table to commit, and a file that --against compares with; about 4 minutes.
LAWS := squares-30 self_products-30 constant_sums-30 step17_loop diamond matyas goldstein_price \
  training_step
LAW_VARIANTS := engine engine:output_references=strong engine:retain_grad=on engine:retain_graph=on \
  engine:enable_backprop=off engine:checkpoint=3 engine:execution=compiled dezero dezero:core=simple autograd mygrad
laws: $(VENV)/peers ## reports/laws.md: exact bytes as formulas; 4 minutes
	@{ echo '# Laws: exact memory at any size'; echo; \
	  echo 'Made by `make laws`; the same in [laws.json](laws.json), which `gradmeter law --against`'; \
	  echo 'compares with.'; echo; \
	  $(BIN)/gradmeter law $(LAWS) $(LAW_VARIANTS:%=--variant %) --markdown \
	    --out reports/laws.json; \
	} > reports/laws.md.new && mv reports/laws.md.new reports/laws.md

# Compiled programs of ours, PyTorch's and JAX's, up to 1e7 elements; about 40 minutes.
compilers: $(VENV)/peers ## compiled programs of ours, PyTorch and JAX; 40 minutes
	$(BIN)/python -m pytest bench/suite/bench_compilers.py --benchmark-only --benchmark-max-time=0.6 --bench-sets=8 --bench-out=reports/compilers --benchmark-quiet

# Exact bytes of the suite against the committed ones.
gate: $(VENV)/ready ## exact bytes against the committed ones
	$(BIN)/python -m pytest bench/suite $(OURS) --benchmark-only --quiet --bench-exact --benchmark-quiet --bench-against=reports/baseline.json

selftest: $(VENV)/ready ## how often verdicts on time are wrong, on this machine
	$(BIN)/gradmeter selftest --comparisons 100

goals: $(VENV)/peers ## the speed goals of engine and compiler
	$(BIN)/python -m gradmeter.bench.goals

# The means of keeping freed memory, each in processes of its own; about 10 minutes.
keeping: $(VENV)/ready ## the means of keeping freed memory; 10 minutes
	$(BIN)/python -m gradmeter.bench.goals.keeping

# Releases of published packages compared by their own suites, as a table to commit; 40 minutes
# on a busy core, less on one that is not.
published: $(VENV)/ready ## releases of published packages, compared; 40 minutes
	$(BIN)/python -m gradmeter.bench.goals.published

# The history of the gate's cases, and its steps; after the first time, only what is new is measured.
HISTORY ?= HEAD~50..HEAD
history: $(VENV)/ready ## reports/history.md: the exact bytes of the last commits
	$(BIN)/gradmeter fill $(HISTORY) --cases reports/baseline.json --size 10000
	@{ echo '# What changed in the exact memory of the last commits'; echo; \
	  echo 'Made by `make history`: the cases of the gate at 10,000 elements, from the figures in'; \
	  echo '[history](history); `gradmeter steps` tells the same, and of any commits.'; echo; \
	  $(BIN)/gradmeter steps $(HISTORY) --markdown; \
	} > reports/history.md.new && mv reports/history.md.new reports/history.md

# No operation executes 1% more than at the base: where main branched off, or else the commit before.
# A change that is meant to cost more makes the table anew (make instructions), and so shows it.
BASE ?= $(shell base=$$(git merge-base HEAD origin/main 2>/dev/null); \
	test -n "$$base" -a "$$base" != "$$(git rev-parse HEAD)" && echo $$base || echo HEAD~1)
gate-instructions: $(VENV)/ready ## instructions of operations against the base (takes valgrind)
	@if ! command -v valgrind >/dev/null; then \
	  echo "valgrind is not installed, so the instructions of operations are not compared"; \
	elif ! git rev-parse --quiet --verify '$(BASE)^{commit}' >/dev/null; then \
	  echo "there is no commit $(BASE), so the instructions of operations are not compared"; \
	elif ! git diff --quiet $(BASE) -- reports/instructions.md; then \
	  echo "reports/instructions.md is another than at $(BASE), and shows what operations cost now"; \
	else $(BIN)/gradmeter costs --rev $(BASE); fi

# The engine's cost per operation, as a table to commit; takes valgrind.
instructions: $(VENV)/ready ## reports/instructions.md: the cost of each operation (takes valgrind)
	$(BIN)/gradmeter costs --out reports/instructions.md

# The pictures of the example's page, as Chromium draws it.
pictures: $(VENV)/ready ## reports/example: the pictures of the page
	$(BIN)/python -m tests.bench.report.pictures

# The documentation as a site, in build/docs/index.html: a warning is an error, and nothing in it is
# loaded from a network.
docs: $(VENV)/ready ## the documentation as a site, in build/docs, checked
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -c docs . build/docs
	$(BIN)/python -m pytest tests/docs/built_site.py -p no:benchmark --quiet

# What the documentation shows and lists, anew: the output of its commands, the reference, the
# picture of the house.
shown: $(VENV)/ready ## what the documentation shows and lists, anew
	$(BIN)/python -m tests.docs.shown

format: $(VENV)/ready ## mend style, format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Both distributions, as an index wants them; installed and tried in a fresh environment.
dist: $(VENV)/ready ## the wheel and the source distribution, checked and tried
	$(PIP) --editable '.[dev,dist]'
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist
	$(BIN)/twine check --strict dist/*
	THOROUGH=1 $(BIN)/python -m pytest tests/test_installed.py $(XDIST) --quiet

clean: ## remove what was made, .venv included
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .benchmarks
