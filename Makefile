# make demo   the whole loop on embedded parts, in a fresh environment
# make test   everything the tests need, then the tests
PYTHON ?= python3
VENV ?= .venv
RUN ?= runs/demo

.PHONY: demo test lint bench clean

demo: $(VENV)/.base
	$(VENV)/bin/vervet demo $(RUN)

test: $(VENV)/.test
	@sh scripts/system-packages.sh
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	OPENBLAS_NUM_THREADS=1 $(VENV)/bin/python -m pytest -q -n 2 --dist loadgroup

$(VENV)/bin/python:
	@sh scripts/environment.sh "$(PYTHON)" "$(VENV)"

$(VENV)/.base: $(VENV)/bin/python pyproject.toml
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.test: $(VENV)/bin/python pyproject.toml
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e ".[test]"
	@touch $@

clean:
	rm -rf $(VENV) runs build dist
