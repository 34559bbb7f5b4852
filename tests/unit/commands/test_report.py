"""Options of ``report`` that a format lacks are refused, never ignored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts import cli
from scripts.core.errors import Exit


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *[
            (["--format", name, *option], f"{option[0]}: not available in --format {name}")
            for name in ("html", "svg", "json", "junit", "support", "badge")
            for option in (["--timings"], ["--all"], ["--cells"], ["--compare", "2.0.0", "2.1.0"])
        ],
        *[
            (["--format", name, "--evidence"], f"--evidence: not available in --format {name}; use --format terminal")
            for name in ("markdown", "svg", "junit")
        ],
        (["--format", "markdown", "--timings"], "--timings: not available in --format markdown; use --format terminal"),
        (["--timings", "--all"], "--timings: cannot be combined with --all"),
        (["--compare", "2.0.0", "2.1.0", "--cells"], "--compare: cannot be combined with --cells"),
        (["--timings", "--compare", "2.0.0", "2.1.0"], "--timings: cannot be combined with --compare"),
    ],
)
def test_an_option_that_a_format_lacks_is_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["report", *arguments]) == Exit.USAGE
    assert message in capsys.readouterr().err


def test_the_support_of_the_accepted_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    badge = tmp_path / "badge.json"
    assert cli.main(["report", "--accepted", "--format", "badge", "--output", str(badge)]) == Exit.OK
    assert json.loads(badge.read_text("utf-8"))["message"] == ">=1.13"
    assert cli.main(["report", "--accepted", "--format", "support", "--torch", ">=2.0", "--python", "3.11"]) == Exit.OK
    shown = capsys.readouterr().out
    assert shown.startswith("torch>=2.0.1\n\nPython 3.11\n  passes    2.0.1 – 2.15.0\n")
    assert "1.13" not in shown
