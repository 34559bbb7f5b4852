"""The job that qualifies a candidate: the verdict is its conclusion, and its summary."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from scripts import cli, paths
from scripts.ci import actions
from scripts.errors import Exit, UsageError

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
    """The options of `qualify` from the workflow's inputs. Raises `UsageError` without a candidate."""
    candidate = environ.get("CI_CANDIDATE", "").strip()
    if not candidate:
        raise UsageError("the input 'candidate' is empty; write a version, such as 2.16.0rc1")
    named = {"baseline": "CI_BASELINE", "channel": "CI_CHANNEL"}
    said = [f"--{name}={value}" for name, variable in named.items() if (value := environ.get(variable, "").strip())]
    return [*said, "--format=markdown", f"--output={FILE}", "--", candidate]
