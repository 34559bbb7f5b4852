"""The job that qualifies a candidate: it shows the verdict in its summary, and ends with the verdict's exit code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from packaging.version import InvalidVersion, Version

from scripts import cli
from scripts.ci import actions
from scripts.core import paths
from scripts.core.errors import Exit, UsageError

#: The options of `qualify` that select each channel.
_CHANNELS: Final[Mapping[str, list[str]]] = {"release": [], "test": ["--pre"], "nightly": ["--nightly"]}

#: The verdict as Markdown.
FILE: Final = paths.REPORTS / "qualify.md"


def run() -> Exit:
    """Qualify the candidate, add the verdict to the summary, and return its exit code."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.unlink(missing_ok=True)
    code = cli.run_command("qualify", arguments(os.environ), program="python -m scripts qualify")
    if FILE.exists():
        actions.summary(FILE.read_text("utf-8"))
    actions.output({"verdict": Exit(code).name.lower()})
    return Exit(code)


def arguments(environ: Mapping[str, str]) -> list[str]:
    """Return the arguments of `qualify` from the workflow's inputs.

    Raises:
        UsageError: an input is invalid; the message names it.
    """
    names = ("CI_CANDIDATE", "CI_BASELINE", "CI_CHANNEL")
    candidate, baseline, channel = (environ.get(name, "").strip() for name in names)
    if not candidate:
        raise UsageError("the input 'candidate' is empty; write a version, such as 2.16.0")
    channel = channel or _channel(candidate)
    if channel not in _CHANNELS:
        raise UsageError(f"the input 'channel' is {channel!r}; known: {', '.join(_CHANNELS)}")
    options = [*_CHANNELS[channel], *([f"--baseline={baseline}"] if baseline else [])]
    return [*options, "--format=markdown", f"--output={FILE}", "--", candidate]


def _channel(candidate: str) -> str:
    """Return the channel of a version; a nightly may be given as its date."""
    try:
        version = Version(candidate)
    except InvalidVersion:
        return "nightly"
    return "nightly" if version.is_devrelease else "test" if version.is_prerelease else "release"
