"""Small ``matrix.toml`` files: some releases, on the Python that runs the tests, from a local index."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from tests.support.index import LocalIndex

#: The Python that runs the tests, and so is installed.
PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"


#: The suite of these files.
SUITE: Final = "parametrization"


def cell(torch: str, build: str = "cpu", python: str = PYTHON) -> str:
    """Return the id of a cell, by default on the Python that runs the tests."""
    return f"{torch}-{build}-py{python}"


def matrix_text(
    index: LocalIndex,
    releases: Sequence[str],
    *,
    builds: Mapping[str, str | None] | None = None,
    pythons: Iterable[str] = (PYTHON,),
    cells: Iterable[str] = (),
    limits: Mapping[str, float] | None = None,
    extra: str = "",
) -> str:
    """Return the text of a matrix whose default selection has all releases, in the first build.

    Args:
        index: the index with the builds' channels.
        releases: in order.
        builds: the fallback of each build, by its name; by default only ``cpu``, with the fallback ``default``. The
            build ``default`` always exists.
        pythons: the Pythons; the default selection uses the first.
        cells: further cells of the default selection.
        limits: seconds, by the keys of the section.
        extra: more TOML at the end: pins, selections.
    """
    fallbacks = {"cpu": "default"} if builds is None else builds
    pythons = tuple(pythons)
    # JSON's strings, numbers and arrays are TOML's too.
    lines = ["schema = 1", f"releases = {json.dumps(list(releases))}"]
    lines += [f"[suites.{SUITE}]", f'path = "tests/cells/{SUITE}"', 'require = ["pytest"]', "plugins = false"]
    lines += ["[limits]", *(f"{name} = {seconds}" for name, seconds in (limits or {}).items())]
    lines += ["[builds.default]", 'releases = ">=0"']
    for name, fallback in fallbacks.items():
        lines += [f"[builds.{name}]", 'releases = ">=0"', f"index = {json.dumps(index.url(name))}"]
        lines += [f"fallback = {json.dumps(fallback)}"] if fallback else []
    lines += ["[pythons]", *(f'"{python}" = {{ releases = ">=0" }}' for python in pythons)]
    lines += ["[selections.matrix]", 'description = "All of this test"', f"releases = {json.dumps(list(releases))}"]
    lines += [f"builds = {json.dumps([*fallbacks, 'default'][:1])}", f'pythons = {{ "{pythons[0]}" = ">=0" }}']
    lines += [f"cells = {json.dumps(list(cells))}", extra]
    return "\n".join(lines) + "\n"
