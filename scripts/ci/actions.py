"""Write a step's outputs and the job's summary, to the files that GitHub's runner names; outside GitHub, to stdout."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from scripts.core import escaping

#: Bytes of the summaries of a step; GitHub drops them if they are larger than 1 MiB.
_MAX_SUMMARY: Final = 1_000_000


def output(values: Mapping[str, object], environ: Mapping[str, str] = os.environ) -> None:
    """Set outputs of the step; booleans become ``true`` and ``false``."""
    _append("GITHUB_OUTPUT", "".join(_line(name, value) for name, value in values.items()), environ)


def _line(name: str, value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if "\n" not in text and "\r" not in text:
        return f"{name}={text}\n"
    delimiter = uuid.uuid4().hex  # unguessable, so that the text cannot contain it
    return f"{name}<<{delimiter}\n{text}\n{delimiter}\n"


def summary(text: str, environ: Mapping[str, str] = os.environ) -> None:
    """Add Markdown to the job's summary; all summaries of a step count together."""
    path = environ.get("GITHUB_STEP_SUMMARY")
    written = Path(path).stat().st_size if path and Path(path).exists() else 0
    _append("GITHUB_STEP_SUMMARY", escaping.cut(text.rstrip("\n") + "\n\n", _MAX_SUMMARY - written), environ)


def _append(variable: str, text: str, environ: Mapping[str, str]) -> None:
    path = environ.get(variable)
    if not path:
        print(text, end="")
        return
    with Path(path).open("a", encoding="utf-8", newline="\n") as file:
        file.write(text)


def run_link(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the URL of this workflow run, or None outside GitHub."""
    parts = [environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    return "{}/{}/actions/runs/{}".format(*parts) if all(parts) else None
