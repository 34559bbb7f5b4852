"""``python -m tests.bench``: run the benchmark."""

from __future__ import annotations

import sys

from scripts import cli
from tests.bench import command

sys.exit(cli.run_module(command, sys.argv[1:], program="nox -s bench --"))
