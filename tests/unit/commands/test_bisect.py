"""Options of ``bisect`` that contradict each other are refused with the remedy."""

from __future__ import annotations

import pytest

from scripts import cli
from scripts.core.errors import Exit


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--test", "test_y"], "not a node id: 'test_y'; write it as pytest does: 'test_x.py::test_y[param]'"),
        (["--test", "test_x.py::"], "not a node id"),
        *[
            (["--test", "test_x.py::test_y", *other], "--test decides alone, by its verdict; remove --observation")
            for other in (["--observation", "trace"], ["--all"], ["--expect", "passed"], ["--command", "true"])
        ],
        ([], "one --observation or --test is needed"),
    ],
)
def test_a_contradiction_is_refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code: object = cli.main(["bisect", *arguments, "--good", "2.0.0", "--bad", "2.1.0"])
    except SystemExit as stopped:
        code = stopped.code
    assert code == Exit.USAGE
    assert message in capsys.readouterr().err
