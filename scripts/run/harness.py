"""Prepare pytest for a folder of tests: add the recorder, and settings where the folder has none.

Of the project, the tests see only the recorder, which is alone in its folder on the path.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from scripts.config.suite import Suite
from scripts.core import paths
from scripts.run import project_tree
from scripts.run.suite import SuiteFiles

#: Settings for a folder without any. Unknown markers are allowed: the file that registers them may be outside.
_SETTINGS: Final = """\
[pytest]
addopts = --continue-on-collection-errors -s --tb=short
filterwarnings = always
"""


#: Files with pytest's settings, in pytest's order, and the table in each.
_FILES: Final = {
    "pytest.ini": "",
    ".pytest.ini": "",
    "pyproject.toml": "[tool.pytest",
    "tox.ini": "[pytest]",
    "setup.cfg": "[tool:pytest]",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Harness:
    """Arguments of pytest for one folder of tests: see `tests/cells/recorder/__main__.py`.

    Attributes:
        folder: the folder in which pytest starts, and its root.
        recorder: the folder of the recorder.
        settings: the file with pytest's settings.
        work: the folder in which the tests run.
        options: options of pytest.
        tests: files and folders; none if the settings name them.
        env: variables of the recorder and of pytest itself.
    """

    folder: Path
    recorder: Path
    settings: str | Path
    work: Path
    options: tuple[str, ...] = ()
    tests: tuple[str, ...] = (".",)
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def command(self, python: Path) -> list[str | Path]:
        """Return the command that runs the tests."""
        location = ("-c", self.settings, "--rootdir", ".", "--confcutdir", ".")
        return [python, self.recorder, self.work, *location, *self.options, *self.tests]


def of_suite(suite: Suite, scratch: Path, wheel: Path | None) -> Harness:
    """Return the harness of a suite; ``wheel`` is the library's if the suite is a project."""
    if suite.project is None or wheel is None:
        return prepare(suite.folder.absolute(), scratch)
    tree = project_tree.copy(suite.project, wheel, scratch / "project")
    # A package can be imported from site-packages first, and a test inside it be found in the copy: both are the same.
    env = {"PY_IGNORE_IMPORTMISMATCH": "1", "MATRIX_PATH": os.pathsep.join(map(str, tree.path))}
    plain = prepare(tree.folder, scratch)
    return dataclasses.replace(plain, work=tree.folder, tests=suite.project.tests, env=env)


def prepare(folder: Path, scratch: Path) -> Harness:
    """Return the harness of a folder of tests: the recorder, and settings if there are none, are put in ``scratch``."""
    recorder = scratch / "plugins" / paths.RECORDER.name
    shutil.copytree(paths.RECORDER, recorder, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    settings: str | Path | None = _settings_of(folder)
    if settings is None:
        settings = scratch / "pytest.ini"
        settings.write_text(_SETTINGS, encoding="utf-8")
    cache = f"cache_dir={scratch / 'cache'}"  # not disabled: the settings may contain its options
    options = ("-p", paths.RECORDER.name, "--continue-on-collection-errors", "-s", "-o", cache)
    return Harness(folder=folder, recorder=recorder, settings=settings, work=scratch / "work", options=options)


def _settings_of(folder: Path) -> str | None:
    """Return the name of the file with pytest's settings in a folder, or None."""
    for name, table in _FILES.items():
        path = folder / name
        if path.is_file() and table in path.read_text(encoding="utf-8", errors="replace"):
            return name
    return None


def suite_files(suite: Suite) -> SuiteFiles:
    """Return the files of a suite and of the recorder, which both determine the records."""
    folders = {"suite": suite.folder, paths.RECORDER.name: paths.RECORDER}
    library = suite.project
    return SuiteFiles(folders, {"suite": lambda _: project_tree.files(library)} if library else None)
