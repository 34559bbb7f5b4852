"""What people read of a qualification: the same in every format, and nothing recorded taken for markup."""

from __future__ import annotations

import datetime as dt
import html
import io
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.core.console import make_console
from scripts.matrix.config import Qualify
from scripts.qualify import model, verdict
from scripts.qualify.model import Lane, Qualification, Replay
from scripts.results.records import Observation
from scripts.views import qualify
from scripts.views.qualify_page import page
from tests.support.lanes import PLATFORM, blocked, failed, lane, new, raised, record, warned

TODAY = dt.date(2026, 11, 24)
OK = Observation(outcome="returned")
HOSTILE = "<script>alert(1)</script> | `x` [a](http://b) **c** & \\ \x1b[31m\n# d"


def qualified(*lanes: Lane, replay: Replay | None = None, **policy: Any) -> Qualification:
    said = Qualify.model_validate(policy)
    judged = verdict.judge(lanes, said, candidate="2.15.0", baseline="2.14.1", today=TODAY)
    return Qualification(
        **vars(judged),
        candidate=model.Tested(version="2.15.0", channel="test", where="https://example.org/whl/test/cpu"),
        baseline=model.Tested(version="2.14.1", channel="release", where="the usual index"),
        asked_on=TODAY,
        platform=PLATFORM,
        machine="a machine",
        probes="0" * 64,
        tools={"uv": "0.9"},
        policy=said,
        lanes=lanes,
        replay=replay,
    )


def shown(one: Qualification, width: int = 80) -> str:
    console = make_console(width=width, file=io.StringIO())
    with console.capture() as captured:
        qualify.terminal(one, ".matrix/qualify/x.json", console)
    return captured.get()


def everything() -> Qualification:
    """Blocked, with a warning, something expected, a cell that was not compared, and pins."""
    before = record({"trace": OK, "traced-call": OK, "script": OK, "x": OK}, packages={"numpy": "1"})
    after = new(
        {"trace": raised("no"), "traced-call": blocked("trace"), "script": warned("soon"), "x": raised("meant")},
        packages={"numpy": "2", "nvidia-cublas": "13"},
    )
    gone = failed("no interpreter", "there is none", status="unavailable", stage="interpreter")
    meant = {
        "observation": "x",
        "releases": ">=2.15",
        "to": "meant",
        "reason": "decided",
        "link": "https://example.org/1",
        "expires": TODAY + dt.timedelta(days=1),
    }
    return qualified(
        lane(before, after),
        lane(before, after, python="3.12"),
        lane(record(), gone, python="3.14"),
        lane(before, after, pins=("numpy<2",)),
        expected=[meant],
    )


def test_the_verdict_stands_first_and_what_blocks_before_what_warns() -> None:
    text = shown(everything())
    assert text.startswith("✗ BLOCKED  torch 2.15.0 against 2.14.1\n")
    places = [text.index(part) for part in ("✗ blocks: broken: trace", "! warns: warning added: script", "✓ expected:")]
    assert places == sorted(places)
    assert "so also: traced-call" in text
    assert "cpu-py3.14: candidate: no interpreter: there is none" in text
    assert "numpy 1 → 2, nvidia-cublas" not in text
    assert "1 package of CUDA" in " ".join(text.split())
    assert "again: nox -s qualify -- --replay .matrix/qualify/x.json" in text


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = shown(everything(), width).splitlines()
    assert max(len(line) for line in lines if not line.startswith("again")) <= width


def test_one_change_is_told_once_for_all_cells_and_names() -> None:
    before, after = record({"a": OK, "b": OK}), new({"a": raised("no"), "b": raised("no")})
    one = page(qualified(*(lane(before, after, python=python) for python in ("3.11", "3.12", "3.13"))), None)
    assert [(group.title, group.notes) for group in one.groups] == [
        ("broken: a, b", ("in all 3 cells; the same in 2 runs of each side",))
    ]


def test_builds_that_differ_by_themselves_are_said() -> None:
    one = page(qualified(lane(record(build="cu130"), new(build="cu132"))), None)
    assert one.notes == ("cu132 was tested against cu130, so that a change can be of the build too",)


def test_two_builds_of_one_release_are_told_apart_in_the_title() -> None:
    two = lane(record(torch="2.13.0"), new()).model_copy(
        update={"candidate_cell": "2.13.0-cpu-py3.11", "baseline_cell": "2.13.0-cu130-py3.11"}
    )
    one = qualified(two)
    same = one.candidate.model_copy(update={"version": "2.13.0"})
    found = page(one.model_copy(update={"candidate": same, "baseline": same}), None)
    assert found.title == "torch 2.13.0 cpu against 2.13.0 cu130"


def test_a_replay_says_whether_the_verdict_stands() -> None:
    replay = Replay(file="x.json", asked_on=TODAY, verdict="qualified", stands=False, differences=("now only: y",))
    text = shown(qualified(lane(record(), new({"trace": raised("no")})), replay=replay))
    assert "Replay of x.json (2026-11-24): the verdict does not stand: it was qualified." in text
    assert "now only: y" in text


def test_an_artefact_comes_back_as_it_was(tmp_path: Any) -> None:
    one = everything()
    model.FORMAT.write(tmp_path / "x.json", one)
    assert model.FORMAT.read(tmp_path / "x.json") == one


def hostile() -> Qualification:
    return qualified(lane(record({HOSTILE: OK}), new({HOSTILE: raised(HOSTILE)})))


def test_html_takes_nothing_recorded_for_markup_and_loads_nothing() -> None:
    text = qualify.html(hostile(), HOSTILE)
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "default-src 'none'" in html.unescape(text)
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?!#)http""", text)


def test_markdown_takes_nothing_recorded_for_markup() -> None:
    text = qualify.markdown(hostile(), None)
    outside = re.sub(r"(`+).*?\1", "", text)
    assert not re.search(r"(?<!\\)<script", outside)
    assert not re.search(r"(?<!\\)\[a\]\(", outside)
    assert not re.search(r"^# d", text, re.MULTILINE)


def test_every_format_has_the_identity_of_what_was_tested() -> None:
    one = everything()
    for text in (qualify.html(one, None), qualify.markdown(one, None), model.FORMAT.dump(one)):
        assert "c" * 64 in text
        assert "2.15.000" in text  # the commit
        assert "test/cpu" in text
    assert "c" * 12 in shown(one)


def test_nothing_recorded_reaches_a_terminal_as_an_escape() -> None:
    one = hostile()
    for text in (shown(one), qualify.html(one, None), qualify.markdown(one, None)):
        assert "\x1b" not in text


@given(st.text())
def test_ascii_only_is_ascii(text: str) -> None:
    assert qualify.ascii_only(text + "✗ → ✓").isascii()
    assert qualify.ascii_only("✗ a → b") == "x a -> b"
