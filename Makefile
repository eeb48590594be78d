python = .venv/bin/python

.PHONY: install run test check dashboard

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	python3 -m venv .venv
	.venv/bin/pip install -c constraints.txt -e ".[dev]"
	touch $@

run: install
	$(python) -m stacker.run params.yaml

test: install
	$(python) -m pytest -n 2 --dist loadfile

check: install
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

dashboard: install
	$(python) -m dashboard params.yaml
