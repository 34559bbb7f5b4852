"""Command-line options, and the messages of their errors."""

from __future__ import annotations

import pytest

from scripts import cli
from scripts.core.errors import Exit

BAD = ["1/0", "numpy<<2", "", "  ", "./no/such/folder", "-r x", "torch", "a" * 3000 + "/x", "x @ ftp://y/z.tar.gz"]


@pytest.mark.parametrize("text", BAD, ids=[text[:20] for text in BAD])
@pytest.mark.parametrize(
    ("command", "option"),
    [("run", "--require"), ("plan", "--require"), ("qualify", "--with")],
    ids=["run", "plan", "qualify"],
)
def test_a_bad_requirement_is_a_usage_error_that_names_the_option(
    command: str, option: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([command, f"{option}={text}"]) == Exit.USAGE
    assert f"error: argument {option}:" in capsys.readouterr().err
