"""The job that qualifies a candidate: it shows the verdict in its summary, and ends with the verdict's exit code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from packaging.version import InvalidVersion, Version

from scripts import cli
from scripts.ci import actions
from scripts.ci.inputs import declared_suite
from scripts.config import matrix_toml
from scripts.core.errors import Exit, UsageError

#: The options of `qualify` that select each channel.
_CHANNELS: Final[Mapping[str, list[str]]] = {"release": [], "test": ["--pre"], "nightly": ["--nightly"]}


def run() -> Exit:
    """Qualify the candidate, add the verdict to the summary, and return its exit code."""
    suite = declared_suite(matrix_toml.load())
    file = suite.paths.reports / "qualify.md"  # the verdict as Markdown
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    options = [f"--suite={suite.name}", "--format=markdown", f"--output={file}", *arguments(os.environ)]
    code = cli.run_command("qualify", options, program="python -m scripts qualify")
    if file.exists():
        actions.summary(file.read_text("utf-8"))
    actions.output({"verdict": Exit(code).name.lower()})
    return Exit(code)


def arguments(environ: Mapping[str, str]) -> list[str]:
    """Return the candidate, and the options that select it and the baseline, from the workflow's inputs.

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
    return [*options, "--", candidate]


def _channel(candidate: str) -> str:
    """Return the channel of a version; a nightly may be given as its date."""
    try:
        version = Version(candidate)
    except InvalidVersion:
        return "nightly"
    return "nightly" if version.is_devrelease else "test" if version.is_prerelease else "release"
