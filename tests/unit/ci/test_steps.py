"""The steps of the workflows: outputs, inputs, issues, and untrusted texts in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts import cli
from scripts.ci import actions, cells, issues, qualify, report
from scripts.ci.inputs import Inputs
from scripts.ci.issues import IssueText, OpenIssue
from scripts.ci.report import Facts
from scripts.ci.watch import new_cells
from scripts.config import matrix_toml
from scripts.config import suite as suites
from scripts.core import escaping
from scripts.core.errors import Exit, UsageError
from scripts.index.sources import Source
from scripts.records.drift import Drift
from scripts.run.locks import Lock, LockedWheel
from scripts.views import report_files
from tests.support.hub.machine import read_outputs

MATRIX = matrix_toml.load()

# --- outputs and summaries ---


@given(st.dictionaries(st.from_regex(r"\A[a-z]{1,8}\Z"), st.text(st.characters(exclude_categories=["Cs", "Cc"]))))
def test_an_output_on_one_line_takes_one_line(values: dict[str, str]) -> None:
    text = "".join(actions._line(name, value) for name, value in values.items())
    assert text.count("\n") == len(values)


def test_an_output_cannot_define_another_output(tmp_path: Path) -> None:
    path = tmp_path / "output"
    values = {"plain": "x", "evil": "1\nverdict=ok\nEND", "yes": True, "number": 3}
    actions.output(values, {"GITHUB_OUTPUT": str(path)})
    assert dict(read_outputs(path)) == {"plain": "x", "evil": "1\nverdict=ok\nEND", "yes": "true", "number": "3"}


def test_outside_github_outputs_and_summaries_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    actions.output({"a": 1}, {})
    actions.summary("# Title", {})
    assert capsys.readouterr().out == "a=1\n# Title\n\n"
    assert actions.run_link({}) is None


def test_a_long_summary_is_cut_below_the_limit_of_github(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    actions.summary("é" * 2_000_000, {"GITHUB_STEP_SUMMARY": str(path)})
    assert path.stat().st_size < 1_048_576
    assert "the rest was cut" in path.read_text("utf-8")
    for _ in range(3):  # all summaries of a step count together
        actions.summary("é" * 2_000_000, {"GITHUB_STEP_SUMMARY": str(path)})
    assert path.stat().st_size < 1_048_576


# --- inputs ---


def test_inputs_are_read_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "caller" / "my tests").mkdir(parents=True)
    environ = {
        "CI_SELECTION": "smoke",
        "CI_PLATFORMS": "linux-x86_64, windows-x86_64",
        "CI_REQUIRE": "a<2\n\n b==1 \n",
        "CI_ENV": "A=1\n\n B=x y \n",
        "CI_EXCLUDE_NEWER": "2026-01-31",
        "CI_SUITE": "mine",
        "CI_PROBES": "my tests",
        "CI_JOBS": "7",
        "CI_FRESH": "true",
        "CI_CELLS": "2.5.1-cpu-py3.11 2.6.0-cpu-py3.11",
    }
    inputs = Inputs.read(environ, tmp_path)
    assert (inputs.selection, inputs.platforms, inputs.jobs) == ("smoke", ("linux-x86_64", "windows-x86_64"), 7)
    assert inputs.require == ("a<2", "b==1")
    assert inputs.probes == tmp_path / "caller" / "my tests"
    assert not inputs.is_declared
    assert inputs.plan_options().cells == ["2.5.1-cpu-py3.11", "2.6.0-cpu-py3.11"]
    suite = inputs.chosen_suite(inputs.matrix())
    assert (suite.name, suite.folder, suite.env) == ("mine", inputs.probes, {"A": "1", "B": "x y"})
    assert inputs.matrix().exclude_newer == "2026-02-01T00:00:00Z"
    assert {"--env=A=1", "--env=B=x y", "--exclude-newer=2026-01-31"} <= set(inputs.arguments)
    assert Inputs.read({}, tmp_path) == Inputs()


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"CI_JOBS": "many"}, "the input 'jobs' is 'many'"),
        ({"CI_JOBS": "0"}, "the input 'jobs' is '0'"),
        ({"CI_PROBES": "../secret"}, "outside the repository"),
        ({"CI_PROBES": "/etc"}, "outside the repository"),
        ({"CI_RESULTS": "nowhere"}, "no such folder"),
    ],
)
def test_an_invalid_input_is_refused_by_name(tmp_path: Path, environ: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Inputs.read(environ, tmp_path)


def test_an_input_is_never_taken_for_an_option(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        Inputs.read({"CI_TORCH": "--help"}, tmp_path).plan_options()
    assert Inputs.read({"CI_SELECTION": "--since=x"}, tmp_path).plan_options().since is None


def test_a_step_with_the_wrong_arguments_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ci", "nonsense"]) == Exit.USAGE
    assert cli.main(["ci", "issue"]) == Exit.USAGE
    assert cli.main(["ci", "plan", "folder"]) == Exit.USAGE
    assert "plan: does not take a folder" in capsys.readouterr().err


# --- issues ---

DRIFTED = IssueText(kind="drift", title="Drift: 1", body="The differences.")
NO_DRIFT = IssueText(kind="drift", title=None, body=None)


def open_issue(text: IssueText, number: int = 3, link: str | None = None) -> OpenIssue:
    action = issues.decide(text, [], link)
    assert action is not None
    return OpenIssue(number=number, title=action.title, body=action.body)


def test_an_issue_is_opened_once_updated_when_its_text_changes_and_closed() -> None:
    first = open_issue(DRIFTED, link="https://run/1")
    assert "https://run/1" in first.body
    assert issues.decide(DRIFTED, [first], "https://run/2") is None
    changed = issues.decide(IssueText(kind="drift", title="Drift: 2", body="More."), [first], None)
    assert changed
    assert (changed.do, changed.number, changed.title) == ("update", 3, "Drift: 2")
    closed = issues.decide(NO_DRIFT, [first], None)
    assert closed
    assert (closed.do, closed.number) == ("close", 3)
    assert issues.decide(NO_DRIFT, [], None) is None


def test_issues_without_the_marker_or_of_another_kind_are_ignored() -> None:
    by_a_person = OpenIssue(number=1, title="Drift: 1", body="<!-- matrix:drift 0123 --> I saw this too")
    nightly = open_issue(IssueText(kind="nightly", title="Nightly", body="x"), number=2)
    action = issues.decide(DRIFTED, [by_a_person, nightly], None)
    assert action
    assert action.do == "create"


def test_of_several_issues_the_oldest_is_used() -> None:
    action = issues.decide(NO_DRIFT, [open_issue(DRIFTED, 9), open_issue(DRIFTED, 4)], None)
    assert action
    assert action.number == 4


def drifted(number: int, message: str = "no more") -> Drift:
    return Drift(
        cell=f"2.{number}.0-cpu-py3.11",
        platform="linux-x86_64",
        name="trace",
        kind="broken",
        accepted="returned",
        fresh=f"ValueError {message!r}",
    )


EMPTY = report_files.report(MATRIX, suites.named(MATRIX), [])


def test_equal_drift_in_several_cells_is_listed_once() -> None:
    text = issues.drift([drifted(5), drifted(6), drifted(7, "else")], EMPTY)
    assert text.title == "Drift: 3 observations in 3 cells"
    assert text.body
    assert text.body.count("accepted: returned") == 2
    assert "`linux-x86_64/2.5.0-cpu-py3.11`, `linux-x86_64/2.6.0-cpu-py3.11`" in text.body
    assert issues.drift([], EMPTY) == NO_DRIFT


def test_an_issue_stays_below_the_limit_of_github_with_any_amount_of_drift() -> None:
    text = issues.drift([drifted(number, "x" * 5000 + str(number)) for number in range(400)], EMPTY)
    assert len(open_issue(text).body) < 65_536
    assert open_issue(text).body.rstrip().endswith("-->")


EVIL = "@everyone <script>alert(1)</script> ``` ~~~ [x](http://evil) #1\n::add-mask::x\n</details> `|`"


def test_a_message_cannot_mention_people_add_links_or_end_its_block() -> None:
    body = issues.drift([drifted(5, EVIL)], EMPTY).body
    assert body
    inside = re.search(r"^(`{3,})text\n(.*?)^\1$", body, re.MULTILINE | re.DOTALL)
    assert inside
    assert "@everyone" in inside[2]
    assert "@everyone" not in body.replace(inside[0], "")


@given(st.text())
def test_a_fenced_text_ends_where_its_fence_ends(text: str) -> None:
    lines = escaping.fenced(text).splitlines()
    fence = lines[0].removesuffix("text")
    assert lines[-1] == fence
    assert not [line for line in lines[1:-1] if fence in line or line.lstrip().startswith("::")]


@given(st.text(), st.integers(30, 200))
def test_a_cut_text_is_short_enough(text: str, limit: int) -> None:
    assert len(escaping.cut(text, limit).encode("utf-8", "surrogatepass")) <= max(limit, 0) or text == ""


# --- the verdict ---


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        (Facts(wanted=2, recorded=2), Exit.OK),
        (Facts(), Exit.OK),
        (Facts(wanted=2, recorded=0), Exit.INCONCLUSIVE),
        (Facts(wanted=2, recorded=1, missing=("x",)), Exit.MACHINERY),
        (Facts(wanted=2, recorded=2, refused=("x",)), Exit.MACHINERY),
        (Facts(wanted=2, recorded=2, drift=1, missing=("x",)), Exit.UNEXPECTED),
        (Facts(wanted=2, recorded=2, conflicts=("x",)), Exit.UNEXPECTED),
        (Facts(wanted=2, recorded=2, failed=("x",)), Exit.UNEXPECTED),
    ],
)
def test_the_verdict_follows_from_the_facts(facts: Facts, verdict: Exit) -> None:
    assert report.judge(facts) is verdict


# --- caches, new releases ---


def lock(*names: str, size: int = 10) -> Lock:
    wheels = tuple(
        LockedWheel(name=name, version="1", url=f"http://x/{name}-1-py3-none-any.whl", sha256=name, size=size)
        for name in names
    )
    return Lock(path=Path("x"), digest="".join(names), wheels=wheels, source=Source(build="cpu", index=None))


def test_a_cache_key_depends_on_the_wheels_and_not_on_their_order() -> None:
    first, second = lock("torch", "numpy"), lock("torch", "sympy")
    assert cells.cache_key([first, second]) == cells.cache_key([second, first])
    assert cells.cache_key([first]) != cells.cache_key([first, second])
    assert cells.distinct_bytes([first, second]) == 30


def test_new_releases_run_together_with_the_last_known_one() -> None:
    found = [cell.id for cell in new_cells(MATRIX, ("2.15.1", "2.16.0"))]
    assert found == ["2.15.0-cpu-py3.11", "2.15.1-cpu-py3.11", "2.16.0-cpu-py3.11"]


def test_every_new_cell_runs_with_its_neighbour() -> None:
    selection = MATRIX.selections["matrix"].model_copy(update={"builds": ("cpu", "cu130")})
    wider = MATRIX.model_copy(update={"selections": {**MATRIX.selections, "matrix": selection}})
    found = [cell.id for cell in new_cells(wider, ("1.12.2", "2.15.1"))]
    assert found == [
        "1.12.1-cpu-py3.9",
        "1.12.2-cpu-py3.9",
        "2.15.0-cpu-py3.11",
        "2.15.0-cu130-py3.11",
        "2.15.1-cpu-py3.11",
        "2.15.1-cu130-py3.11",
    ]


# --- qualify ---


@pytest.mark.parametrize(
    ("candidate", "channel", "option"),
    [
        ("2.16.0", "", []),
        ("2.16.0", "test", ["--pre"]),
        ("2.16.0rc1", "", ["--pre"]),
        ("2.16.0.dev20261101", "", ["--nightly"]),
        ("2026-11-01", "", ["--nightly"]),
    ],
)
def test_the_channel_follows_from_the_candidate_s_version(candidate: str, channel: str, option: list[str]) -> None:
    found = qualify.arguments({"CI_CANDIDATE": candidate, "CI_CHANNEL": channel})
    assert found == [*option, "--", candidate]


@pytest.mark.parametrize("environ", [{}, {"CI_CANDIDATE": "2.16.0", "CI_CHANNEL": "nowhere"}])
def test_a_candidate_that_cannot_be_qualified_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="the input"):
        qualify.arguments(environ)
