"""Run pytest on the folder that is the working directory: ``python recorder WORK OPTIONS… .``.

pytest's arguments contain no path of a user: it would interpret brackets as parameters, and expand variables. Tests run
in the folder WORK, so that they do not write files into the suite.
"""

from __future__ import annotations

import os
import sys
from typing import Iterator

# Not this folder: its modules would shadow others of the same names.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120

# Where the suite's tests are inside a package: it is imported from the folder that has the tests.
sys.path[1:1] = filter(None, os.environ.pop("MATRIX_PATH", "").split(os.pathsep))

import pytest  # noqa: E402

#: Options that disable plugins which the recorder needs.
_BLOCKED = frozenset(f"no:{prefix}{name}" for prefix in ("", "pytest_") for name in ("terminal", "python", "recorder"))

#: The first pytest that reads the working directory only once.
_READS_ONCE = 8


class WorkingDirectory:
    """Changes the working directory as soon as pytest has resolved its arguments."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(self, early_config: pytest.Config) -> Iterator[None]:
        """Change the directory before any code of the suite runs; pytest-cov would measure from here on."""
        if hasattr(early_config.known_args_namespace, "cov_source"):
            early_config.known_args_namespace.cov_source = []
        if int(pytest.__version__.split(".")[0]) >= _READS_ONCE:
            os.chdir(self._folder)
        yield

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self) -> None:
        """Change the directory before the first test."""
        os.chdir(self._folder)


def keep_plugins() -> None:
    """Ignore options that disable required plugins; loading them again does not work for every plugin."""
    consider = pytest.PytestPluginManager.consider_pluginarg

    def consider_pluginarg(self: pytest.PytestPluginManager, arg: str) -> None:
        if arg not in _BLOCKED:
            consider(self, arg)

    pytest.PytestPluginManager.consider_pluginarg = consider_pluginarg  # type: ignore[method-assign]


if __name__ == "__main__":
    keep_plugins()
    work, *options = sys.argv[1:]
    sys.argv[:] = ["pytest", *options]
    sys.exit(pytest.main(options, plugins=[WorkingDirectory(work)]))
