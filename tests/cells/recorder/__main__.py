"""Run pytest on the folder that is the working directory: ``python recorder WORK OPTIONS… .``.

No path of a user's stands among pytest's arguments, which takes brackets for a parameter and expands variables. Tests
run in the folder WORK, so that what they write does not land beside them.
"""

from __future__ import annotations

import os
import sys
from typing import Iterator

# Not this folder, whose modules would hide others of the same names.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120

import pytest  # noqa: E402

#: Plugins without which no record can be made. A suite's settings can't block them.
_NEEDED = frozenset(f"no:{prefix}{name}" for prefix in ("", "pytest_") for name in ("terminal", "python", "recorder"))

#: From this version on pytest looks at the working directory only once.
_ONCE = 8


class Mover:
    """Changes the working directory as soon as pytest has resolved its arguments."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(self) -> Iterator[None]:
        """Move before the suite's first line of code runs."""
        if int(pytest.__version__.split(".")[0]) >= _ONCE:
            os.chdir(self._folder)
        yield

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self) -> None:
        """Move before the first test."""
        os.chdir(self._folder)


def keep_plugins() -> None:
    """Ignore options that block what is needed; to load it a second time does not work for every plugin."""
    consider = pytest.PytestPluginManager.consider_pluginarg

    def consider_pluginarg(self: pytest.PytestPluginManager, arg: str) -> None:
        if arg not in _NEEDED:
            consider(self, arg)

    pytest.PytestPluginManager.consider_pluginarg = consider_pluginarg  # type: ignore[method-assign]


if __name__ == "__main__":
    keep_plugins()
    work, *options = sys.argv[1:]
    sys.argv[:] = ["pytest", *options]
    sys.exit(pytest.main(options, plugins=[Mover(work)]))
