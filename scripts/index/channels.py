"""The nightly and test channels: separate builds, on indexes beside the stable one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from packaging.version import InvalidVersion

from scripts.config import versions
from scripts.config.model import Matrix
from scripts.core.errors import UsageError, did_you_mean

NIGHTLY: Final = "nightly"
TEST: Final = "test"


def build_name(channel: str, build: str) -> str:
    """Return the name of a build in a channel: ``nightly.cpu``."""
    return f"{channel}.{build}"


def index_url(index: str, channel: str) -> str:
    """Return the index of a channel beside a stable one: ``…/whl/nightly/cpu`` for ``…/whl/cpu``."""
    parts = urlsplit(index)
    folder, _, build = parts.path.rstrip("/").rpartition("/")
    return urlunsplit(parts._replace(path=f"{folder}/{channel}/{build}"))


def with_channels(matrix: Matrix) -> Matrix:
    """Return the matrix with the builds of both channels, for each build with a separate index.

    They have no fallback, since no other index has their wheels.
    """
    builds = dict(matrix.builds)
    for name, build in matrix.builds.items():
        for channel in (NIGHTLY, TEST) if build.index else ():
            changes = {"index": index_url(build.index or "", channel), "fallback": None, "releases": ">=0"}
            if build.companion_index:
                changes["companions"] = index_url(build.companion_index, channel)
            builds[build_name(channel, name)] = build.model_copy(update=changes)
    return matrix.model_copy(update={"builds": builds})


def position(versions: Sequence[str], option: str, text: str) -> int:
    """Return the position of a version; a date stands for the nightly of that day.

    Raises:
        UsageError: the version does not exist; the message names ``option`` and the nearest version.
    """
    day = re.sub(r"\D", "", text) if re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", text) else None
    for number, version in enumerate(versions):
        if version == _public(text) or (day and version.endswith(f".dev{day}")):
            return number
    if not versions:
        raise UsageError(f"{option}: the index has no versions for this platform and build")
    hint = did_you_mean(text, list(versions))
    raise UsageError(f"{option}: the index has no {text!r}{hint}; it has {versions[0]} to {versions[-1]}")


def _public(text: str) -> str:
    try:
        return versions.version(text).public
    except InvalidVersion:
        return text
