"""Companions of torch: packages that PyTorch's indexes serve beside it, in the same builds. Pure.

uv takes a package from a given index only if the project itself requires it. So what another package requires is found
in uv's answer first, and then required by its name.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from scripts.index.sources import Source
from scripts.run.pylock import Package

#: Local labels that name a build. Others name a commit, as those of Triton's nightlies do.
_BUILD_LABEL: Final = re.compile(r"(cpu|cu\d+|rocm\d+|xpu)\b")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Companions:
    """The names of torch's companions, and the source of the cell's torch."""

    names: Collection[str]
    source: Source

    @property
    def separate(self) -> Collection[str]:
        """The names, if they do not come from the default index."""
        return self.names if self.source.companion_index is not None else ()

    def mentioned(self, output: str) -> list[str]:
        """Return the companions that uv's output names, if they do not come from the default index."""
        words = re.findall(r"[\w.-]*\w", re.sub(r"\S+://\S+", "", output))
        named = {str(canonicalize_name(word)) for word in words}
        return [name for name in self.separate if name in named]

    def to_require(self, found: Iterable[str], needs: Sequence[str]) -> dict[str, str]:
        """Return requirement lines, by name, for the companions among ``found`` that ``needs`` does not require."""
        required = {canonicalize_name(need.name) for need in map(Requirement, needs) if need.marker is None}
        return {name: name for name in self.separate if name in found and name not in required}

    def of_other_builds(self, packages: Iterable[Package]) -> dict[str, str]:
        """Return requirement lines, by name, for locked companions whose label is not that of the locked torch.

        An index can have several builds of a version; uv prefers the highest label.
        """
        versions = {package.name: package.version or "" for package in packages}
        wanted = _build_label(versions.get("torch", ""))
        labels = {name: _build_label(versions[name]) for name in self.names if name in versions}
        return {
            name: f"{name}=={Version(versions[name]).public}+{Version(versions['torch']).local}"
            for name, label in labels.items()
            if wanted and label and label != wanted
        }

    def explanation(self, output: str) -> str:
        """Return an addition to the error of a resolution that names companions; empty if it names none."""
        names = self.mentioned(output)
        if not names:
            return ""
        where = f"index {self.source.build!r}"
        comes = "comes" if len(names) == 1 else "come"
        return f"; {' and '.join(names)} {comes} only from {where}, as torch does ('companions' in matrix.toml)"


def _build_label(version: str) -> str | None:
    """Return the build in a version's local label: ``cpu`` of ``2.0.0+cpu.cxx11.abi``; None for none."""
    try:
        found = _BUILD_LABEL.match(Version(version).local or "")
    except InvalidVersion:
        return None
    return found[0] if found else None


def project(needs: Sequence[str], source: Source, names: Collection[str]) -> str:
    """Return a project file for uv: torch and its companions come from their indexes, the rest from the default one.

    JSON strings and arrays are valid TOML.
    """
    lines = [
        "[project]",
        'name = "cell"',
        'version = "0"',
        f"dependencies = {json.dumps(list(needs))}",
        "[tool.uv.workspace]",  # a workspace of its own: the sources of a parent project do not apply
        *_sources(needs, {"torch": source.index, **dict.fromkeys(names, source.companion_index)}),
    ]
    return "\n".join(lines) + "\n"


def _sources(needs: Sequence[str], indexes: Mapping[str, str | None]) -> Iterator[str]:
    """Yield uv's tables for packages with an index; one that is required by a URL has none."""
    by_url = {canonicalize_name(need.name) for need in map(Requirement, needs) if need.url}
    placed = {name: url for name, url in indexes.items() if url is not None and name not in by_url}
    names = {url: f"torch-{number}" for number, url in enumerate(dict.fromkeys(placed.values()))}
    if placed:
        yield "[tool.uv.sources]"
        yield from (f'{json.dumps(name)} = {{ index = "{names[url]}" }}' for name, url in placed.items())
    for url, name in names.items():
        yield from ("[[tool.uv.index]]", f'name = "{name}"', f"url = {json.dumps(url)}", "explicit = true")
