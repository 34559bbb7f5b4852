"""The job that qualifies a candidate: the verdict is its conclusion, and its summary."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from packaging.version import InvalidVersion, Version

from scripts import cli, paths
from scripts.ci import actions
from scripts.errors import Exit, UsageError

#: The options that each channel wants.
_CHANNELS: Final[Mapping[str, list[str]]] = {"release": [], "test": ["--pre"], "nightly": ["--nightly"]}

#: The verdict as Markdown.
FILE: Final = paths.REPORTS / "qualify.md"


def run() -> Exit:
    """Qualify, put the verdict into the summary, and end with its exit code."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.unlink(missing_ok=True)
    code = cli.run_command("qualify", arguments(os.environ), program="python -m scripts qualify")
    if FILE.exists():
        actions.summary(FILE.read_text("utf-8"))
    actions.output({"verdict": Exit(code).name.lower()})
    return Exit(code)


def arguments(environ: Mapping[str, str]) -> list[str]:
    """The options of `qualify` from the workflow's inputs. Raises `UsageError` for an input that can't be used."""
    names = ("CI_CANDIDATE", "CI_BASELINE", "CI_CHANNEL")
    candidate, baseline, channel = (environ.get(name, "").strip() for name in names)
    if not candidate:
        raise UsageError("the input 'candidate' is empty; write a version, such as 2.16.0")
    channel = channel or _channel(candidate)
    if channel not in _CHANNELS:
        raise UsageError(f"the input 'channel' is {channel!r}; known: {', '.join(_CHANNELS)}")
    said = [*_CHANNELS[channel], *([f"--baseline={baseline}"] if baseline else [])]
    return [*said, "--format=markdown", f"--output={FILE}", "--", candidate]


def _channel(candidate: str) -> str:
    """Where a candidate is, by its version; a nightly can be told by its date alone."""
    try:
        version = Version(candidate)
    except InvalidVersion:
        return "nightly"
    return "nightly" if version.is_devrelease else "test" if version.is_prerelease else "release"
