"""Reports of qualifications: the same in every format, with recorded text escaped."""

from __future__ import annotations

import datetime as dt
import html
import io
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.config.model import Qualify
from scripts.core.console import make_console
from scripts.qualify import model, verdict
from scripts.qualify.model import CellPair, Qualification, Replay
from scripts.views import qualify
from scripts.views.qualify_page import page
from tests.support.pairs import PLATFORM, RETURNED, blocked, failed, new, pair, raised, record, warned

TODAY = dt.date(2026, 11, 24)
HOSTILE = "<script>alert(1)</script> | `x` [a](http://b) **c** & \\ \x1b[31m\n# d"


def qualified(*pairs: CellPair, replay: Replay | None = None, **options: Any) -> Qualification:
    policy = Qualify.model_validate(options)
    judgement = verdict.judge(pairs, policy, candidate="2.15.0", baseline="2.14.1", today=TODAY)
    return Qualification(
        **vars(judgement),
        candidate=model.TorchSource(version="2.15.0", channel="test", where="https://example.org/whl/test/cpu"),
        baseline=model.TorchSource(version="2.14.1", channel="release", where="the usual index"),
        asked_on=TODAY,
        platform=PLATFORM,
        machine="a machine",
        suite_digest="0" * 64,
        tools={"uv": "0.9"},
        policy=policy,
        pairs=pairs,
        replay=replay,
    )


def terminal(qualification: Qualification, width: int = 80) -> str:
    console = make_console(width=width, file=io.StringIO())
    with console.capture() as captured:
        qualify.terminal(qualification, ".matrix/qualify/x.json", console)
    return captured.get()


def everything() -> Qualification:
    """Return a blocked qualification with a warning, an expected change, a cell that was not compared, and pins."""
    before = record(
        {"trace": RETURNED, "traced-call": RETURNED, "script": RETURNED, "x": RETURNED}, packages={"numpy": "1"}
    )
    after = new(
        {"trace": raised("no"), "traced-call": blocked("trace"), "script": warned("soon"), "x": raised("intended")},
        packages={"numpy": "2", "nvidia-cublas": "13"},
    )
    unavailable = failed("no interpreter", "none found", status="unavailable", stage="interpreter")
    expected = {
        "observation": "x",
        "releases": ">=2.15",
        "to": "intended",
        "reason": "decided",
        "link": "https://example.org/1",
        "expires": TODAY + dt.timedelta(days=1),
    }
    return qualified(
        pair(before, after),
        pair(before, after, python="3.12"),
        pair(record(), unavailable, python="3.14"),
        pair(before, after, pins=("numpy<2",)),
        expected=[expected],
    )


def test_the_verdict_comes_first_and_blocking_changes_before_warnings() -> None:
    text = terminal(everything())
    assert text.startswith("✗ BLOCKED  torch 2.15.0 against 2.14.1\n")
    positions = [
        text.index(part) for part in ("✗ blocks: broken: trace", "! warns: warning added: script", "✓ expected:")
    ]
    assert positions == sorted(positions)
    assert "consequently also: traced-call" in text
    assert "cpu-py3.14: candidate: no interpreter: none found" in text
    assert "numpy 1 → 2, nvidia-cublas" not in text
    assert "1 CUDA package" in " ".join(text.split())
    assert "repeat: nox -s qualify -- --replay .matrix/qualify/x.json" in text


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = terminal(everything(), width).splitlines()
    assert max(len(line) for line in lines if not line.startswith("repeat")) <= width


def test_one_change_is_shown_once_for_all_cells_and_names() -> None:
    before, after = record({"a": RETURNED, "b": RETURNED}), new({"a": raised("no"), "b": raised("no")})
    report = page(qualified(*(pair(before, after, python=python) for python in ("3.11", "3.12", "3.13"))), None)
    assert [(group.title, group.notes) for group in report.groups] == [
        ("broken: a, b", ("in all 3 cells; the same in 2 runs of each side",))
    ]


def test_a_difference_in_builds_that_was_not_requested_is_noted() -> None:
    report = page(qualified(pair(record(build="cu130"), new(build="cu132"))), None)
    assert report.notes == ("cu132 was tested against cu130, so the build may be the cause of a change",)


def test_two_builds_of_one_release_are_named_in_the_title() -> None:
    builds = pair(record(torch="2.13.0"), new()).model_copy(
        update={"candidate_cell": "2.13.0-cpu-py3.11", "baseline_cell": "2.13.0-cu130-py3.11"}
    )
    qualification = qualified(builds)
    release = qualification.candidate.model_copy(update={"version": "2.13.0"})
    report = page(qualification.model_copy(update={"candidate": release, "baseline": release}), None)
    assert report.title == "torch 2.13.0 cpu against 2.13.0 cu130"


def test_a_replay_says_whether_the_verdict_stands() -> None:
    replay = Replay(file="x.json", asked_on=TODAY, verdict="qualified", stands=False, differences=("now only: y",))
    text = terminal(qualified(pair(record(), new({"trace": raised("no")})), replay=replay))
    assert "Replay of x.json (2026-11-24): the verdict does not stand: it was qualified." in text
    assert "now only: y" in text


def test_a_qualification_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    model.FORMAT.write(tmp_path / "x.json", everything())
    assert model.FORMAT.read(tmp_path / "x.json") == everything()


def hostile() -> Qualification:
    return qualified(pair(record({HOSTILE: RETURNED}), new({HOSTILE: raised(HOSTILE)})))


def test_html_escapes_recorded_text_and_loads_nothing() -> None:
    text = qualify.html(hostile(), HOSTILE)
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "default-src 'none'" in html.unescape(text)
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?!#)http""", text)


def test_markdown_escapes_recorded_text() -> None:
    text = qualify.markdown(hostile(), None)
    outside = re.sub(r"(`+).*?\1", "", text)
    assert not re.search(r"(?<!\\)<script", outside)
    assert not re.search(r"(?<!\\)\[a\]\(", outside)
    assert not re.search(r"^# d", text, re.MULTILINE)


def test_every_format_has_the_identity_of_the_tested_wheels() -> None:
    qualification = everything()
    for text in (
        qualify.html(qualification, None),
        qualify.markdown(qualification, None),
        model.FORMAT.dump(qualification),
    ):
        assert "c" * 64 in text
        assert "2.15.000" in text  # the commit
        assert "test/cpu" in text
    assert "c" * 12 in terminal(qualification)


def test_no_format_contains_recorded_escape_sequences() -> None:
    qualification = hostile()
    for text in (
        terminal(qualification),
        qualify.html(qualification, None),
        qualify.markdown(qualification, None),
    ):
        assert "\x1b" not in text


@given(st.text())
def test_ascii_only_is_ascii(text: str) -> None:
    assert qualify.ascii_only(text + "✗ → ✓").isascii()
    assert qualify.ascii_only("✗ a → b") == "x a -> b"
