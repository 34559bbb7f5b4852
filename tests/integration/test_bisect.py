"""Bisections with nox, uv, HTTP and the built-in suite, on releases with the behaviour of the real ones or another."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.behaviour import Behaviour, crashes, flaky, raises, returns, usual
from tests.support.index import Fault
from tests.support.matrices import PYTHON
from tests.support.project import kill_tree
from tests.support.release_project import RELEASES, ReleaseProject, changes, make, ran, rounds
from tests.support.torches import build_torch

__all__ = ["make"]

Make = Callable[..., ReleaseProject]

SCRIPTED = ("--observation", "scripted-call", "--good", "1.9.1", "--bad", "2.2.0")
TRACED = ("--observation", "trace", "--good", "2.0.0")


def minors(*numbers: int) -> list[str]:
    return [f"2.{number}.0" for number in numbers]


def raising(message: str, *releases: str) -> dict[str, Behaviour]:
    """Return behaviours of releases that refuse to trace."""
    return {r: Behaviour(observations={"trace": raises("RuntimeError", message)}) for r in releases}


def test_a_repeated_bisection_uses_the_records(make: Make) -> None:
    here = make(*RELEASES)
    done = here.project.nox("-s", "bisect", "--", *SCRIPTED, env={"COLUMNS": "80"})
    assert done.code == 0, done.output
    assert done.stdout.startswith("scripted-call changed between torch 1.12.1 and 1.13.0\n")
    assert 'torch/nn/utils/parametrize.py:57: raise RuntimeError("Parametrization' in done.stdout
    assert "about 3 more to probe" in done.stderr
    assert len(here.project.records()) <= 2 + 3
    here.forget()
    again = here.bisect_json(*SCRIPTED)
    assert (changes(again), ran(again)) == ([("1.12.1", "1.13.0")], [])
    assert here.index.downloads() == []


def test_later_warnings_are_no_third_behaviour(make: Make) -> None:
    here = make(*RELEASES, "2.9.0", "2.10.0", "2.14.0", "2.15.0")
    found = here.bisect_json("--observation", "trace-while-caching", "--good", "1.9.1", "--bad", "2.15.0")
    assert (changes(found), found["third"]) == ([("1.9.1", "1.10.0")], [])
    assert len(ran(found)) <= 2 + 4
    evidence = found["findings"][0]["evidence"]
    assert evidence["summary"].endswith('raise RuntimeError("Cannot trace a model while caching parametrizations.")')


def test_the_reproduce_command_finds_the_same_change(make: Make) -> None:
    here = make(*RELEASES)
    command = shlex.split(here.bisect_json(*SCRIPTED)["findings"][0]["reproduce"])
    assert command[0] == "nox"
    done = here.project.nox(*command[1:])
    assert done.code == 0, done.output
    assert done.stdout.startswith("scripted-call changed between torch 1.12.1 and 1.13.0\n")
    assert "2 of 2 candidates: 2 run" in done.stdout


def test_every_change_of_a_history_that_flips(make: Make) -> None:
    releases = minors(*range(10))
    here = make(*releases, behaviours=raising("refused", *minors(3, 4, 5, 8, 9)))
    flips = [("2.2.0", "2.3.0"), ("2.5.0", "2.6.0"), ("2.7.0", "2.8.0")]
    found = here.bisect_json("--all", "--observation", "trace", "--good", "2.0.0", "--bad", "2.9.0", "--grain", "2")
    assert changes(found) == flips
    text = here.bisect("--all", "--good", "2.0.0", "--bad", "2.9.0", "--grain", "1").stdout
    assert "2.2.0 → 2.3.0" in text
    assert "every candidate was probed" in text
    single = here.bisect_json(*TRACED, "--bad", "2.9.0")
    assert (changes(single), single["others"]) == ([flips[2]], [list(flips[0]), list(flips[1])])


@pytest.mark.parametrize(
    ("third", "change", "code"),
    [("skip", ("2.1.0", "2.4.0"), 4), ("bad", ("2.1.0", "2.2.0"), 0), ("good", ("2.3.0", "2.4.0"), 0)],
)
def test_a_third_behaviour_counts_as_configured(make: Make, third: str, change: tuple[str, str], code: int) -> None:
    behaviours = raising("another matter", *minors(2, 3)) | raising("refused", *minors(4, 5))
    here = make(*minors(*range(6)), behaviours=behaviours)
    found = here.bisect_json(*TRACED, "--bad", "2.5.0", "--third", third, code=code)
    assert changes(found) == [change]
    assert set(found["third"]) <= {"2.2.0", "2.3.0"}
    done = here.bisect(*TRACED, "--bad", "2.5.0", "--third", third, "--fresh")
    assert f"counted as {third}" in done.stdout
    assert "warning: a behaviour that is neither good nor bad" in done.stderr


def test_options_can_match_either_end(make: Make) -> None:
    here = make(*minors(*range(4)), behaviours=raising("refused", "2.2.0", "2.3.0"))
    ends = ("--good", "2.0.0", "--bad", "2.3.0")
    for options in (["--expect", "returned"], ["--message", "^refu"], ["--exception", "RuntimeError"]):
        assert changes(here.bisect_json("--observation", "trace", *ends, *options)) == [("2.1.0", "2.2.0")]
    wrong = here.bisect("--observation", "trace", *ends, "--message", "no such thing")
    assert wrong.code == 1
    assert "neither end matches --message" in wrong.stdout


def test_the_verdict_of_a_test_decides(make: Make) -> None:
    """Failures with other messages are no third behaviour, and a crash of the test counts as a failure."""
    behaviours = raising("refused", "2.2.0") | raising("refused otherwise", "2.4.0")
    behaviours |= {"2.3.0": Behaviour(observations={"trace": crashes()})}
    here = make(*minors(*range(5)), behaviours=behaviours)
    test = "tests/cells/parametrization/test_trace.py::test_traceable"
    found = here.bisect_json("--test", test, "--good", "2.0.0", "--bad", "2.4.0")
    assert (changes(found), found["third"]) == ([("2.1.0", "2.2.0")], [])
    assert f"--test {test} --good 2.1.0 --bad 2.2.0" in found["findings"][0]["reproduce"]
    # The whole suite ran.
    assert "test_script.py::test_scriptable" in here.project.records()[f"2.0.0-cpu-py{PYTHON}"]["tests"]
    unknown = here.bisect("--test", "test_trace.py::test_tracable", "--good", "2.0.0", "--bad", "2.4.0")
    assert (unknown.code, unknown.stdout) == (2, "")
    assert "--test: no test 'test_trace.py::test_tracable' in 2.0.0-cpu" in unknown.stderr
    assert "did you mean 'test_trace.py::test_traceable' or " in unknown.stderr


def test_a_flaky_probe_is_skipped(make: Make, tmp_path: Path) -> None:
    dice = flaky(usual(), raises("RuntimeError", "refused"), counter=tmp_path / "turns")
    behaviours = raising("refused", "2.2.0", "2.3.0") | {"2.1.0": Behaviour(observations={"trace": dice})}
    here = make(*minors(*range(4)), behaviours=behaviours)
    found = here.bisect_json(*TRACED, "--bad", "2.3.0", "--repeat", "2", code=4)
    assert (changes(found), found["skipped"]) == ([("2.0.0", "2.2.0")], ["2.1.0"])
    step = next(step for step in found["steps"] if step["cell"].startswith("2.1.0"))
    assert step["flaky"] == ["trace"]


def test_a_crash_at_the_import_is_skipped(make: Make) -> None:
    behaviours = raising("refused", "2.2.0", "2.3.0") | {"2.1.0": Behaviour(on_import=crashes())}
    here = make(*minors(*range(4)), behaviours=behaviours)
    done = here.bisect(*TRACED, "--bad", "2.3.0")
    assert done.code == 4, done.output
    assert "all candidates between were skipped; the change may be at any of 2.1.0, 2.2.0" in done.stdout
    assert "SIGSEGV" in done.stdout


# --- ends --------------------------------------------------------------------------------------------------------


def test_equal_ends_are_shown_without_further_runs(make: Make) -> None:
    here = make(*minors(*range(4)))
    done = here.bisect(*TRACED, "--bad", "2.3.0")
    assert done.code == 1, done.output
    assert "both ends behave the same" in done.stdout
    assert "good end" in done.stdout
    assert sorted(here.project.records()) == [f"{r}-cpu-py{PYTHON}" for r in ("2.0.0", "2.3.0")]


def test_an_unavailable_end_is_inconclusive(make: Make) -> None:
    here = make(*minors(*range(4)))
    here.index.fail("*/torch-2.3.0*.whl", Fault.status(404))
    done = here.bisect(*TRACED, "--bad", "2.3.0")
    assert done.code == 4, done.output
    assert "an end has no usable result" in done.stdout
    assert "unavailable" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--observation", "trace", "--good", "2.0.0", "--bad", "3.0"], "--bad: the index has no '3.0'"),
        (["--observation", "tarce", "--good", "2.0.0", "--bad", "2.1.0"], "no 'tarce' in 2.0.0-cpu"),
        (["--observation", "trace", "--good", "2.0.0"], "--good and --bad are needed"),
        (["--good", "2.0.0", "--bad", "2.1.0"], "one --observation or --test is needed"),
        (["--observation", "trace", "--good", "2.0.0", "--bad", "2.1.0", "--build", "cqu"], "did you mean 'cpu'"),
        (["--resume"], "there is no bisection to resume"),
        (
            ["--observation", "trace", "--good", "2.0.0", "--bad", "2.1.0", "--log"],
            "there is no bisection of this question",
        ),
        (["--observation", "trace", "--good", "2.0.0", "--bad", "2.1.0", "--command-timeout", "9"], "no --command"),
        (
            ["--command", "it's", "--good", "2.0.0", "--bad", "2.1.0"],
            'not a command line: "it\'s" (No closing quotation)',
        ),
        (["--observation", "trace", "--message", "(", "--good", "2.0.0", "--bad", "2.1.0"], "not a regular expression"),
    ],
)
def test_bad_usage_names_the_remedy(make: Make, arguments: list[str], error: str) -> None:
    done = make("2.0.0", "2.1.0").bisect(*arguments)
    assert (done.code, done.stdout) == (2, "")
    assert error in done.stderr


# --- commands ----------------------------------------------------------------------------------------------------

CHECK = """
import os, sys, torch
minor = int(torch.__version__.split(".")[1])
assert os.environ["VIRTUAL_ENV"] and sys.argv[1].startswith(torch.__version__.split("+")[0])
sys.exit({codes}.get(minor, 0 if minor < 4 else 1))
"""


def command(here: ReleaseProject, codes: str = "{}") -> list[str]:
    (here.project.root / "check.py").write_text(CHECK.replace("{codes}", codes))
    return ["--command", "{python} check.py {cell}", "--good", "2.0.0", "--bad", "2.6.0"]


def test_a_command_decides_by_its_exit_code(make: Make) -> None:
    here = make(*minors(*range(7)))
    found = here.bisect_json(*command(here))
    assert changes(found) == [("2.3.0", "2.4.0")]
    assert here.project.records() == {}
    assert [step["exit_code"] for step in found["steps"][:2]] == [0, 1]
    assert found["findings"][0]["compare"] is not None


def test_a_command_can_skip_and_be_run_in_several_cells_at_once(make: Make) -> None:
    here = make(*minors(*range(7)))
    done = here.bisect(*command(here, "{3: 125, 6: 127}"), "-j", "2")
    assert done.code == 4, done.output
    assert "the change may be at any of 2.3.0, 2.4.0" in done.stdout
    assert max(rounds(done)) == 2


def test_a_command_can_stop_the_bisection_to_be_resumed_later(make: Make) -> None:
    here = make(*minors(*range(7)))
    stopping = command(here, "{3: 128}")
    done = here.bisect(*stopping)
    assert done.code == 3
    assert "exit code 128" in done.stderr
    assert "Traceback" not in done.stderr
    command(here)
    found = here.bisect_json("--resume")
    assert changes(found) == [("2.3.0", "2.4.0")]


RAISING = """
import os, sys, torch
print("checking", torch.__version__)
torch.jit.script(torch.nn.Linear(2, 2))
"""


def test_the_exception_of_a_command_is_shown_and_explained(make: Make) -> None:
    acts = {"2.0.0": returns(), "2.1.0": raises("RuntimeError", "no longer supported here")}
    behaviours = {release: Behaviour(observations={"script": act}) for release, act in acts.items()}
    here = make("2.0.0", "2.1.0", behaviours=behaviours)
    (here.project.root / "check.py").write_text(RAISING)
    arguments = ["--command", "{python} check.py", "--good", "2.0.0", "--bad", "2.1.0"]
    found = here.bisect_json(*arguments)
    after = found["findings"][0]["after"]
    assert after["exit_code"] == 1
    assert after["output"].startswith("checking 2.1.0")
    assert after["output"].endswith("no longer supported here")
    assert after["signatures"]["command"]["message"] == "no longer supported here"
    assert found["findings"][0]["before"]["signatures"]["command"]["outcome"] == "returned"
    assert found["findings"][0]["evidence"].get("problem") is None
    shown = here.bisect(*arguments).stdout
    assert "exit code 1: RuntimeError 'no longer supported here'" in " ".join(shown.split())
    assert "The command's last output with 2.1.0:" in shown


SLOW = """
import sys, time, torch
minor = int(torch.__version__.split(".")[1])
if minor == 1:
    print("waiting", flush=True)
    time.sleep(600)
sys.exit(minor > 1)
"""


@pytest.mark.parametrize("third", ["skip", "bad"])
def test_a_command_timeout_is_reported_and_counts_as_configured(make: Make, third: str) -> None:
    here = make(*minors(*range(3)))
    (here.project.root / "check.py").write_text(SLOW)
    arguments = ["--command", "{python} check.py", "--good", "2.0.0", "--bad", "2.2.0", "--command-timeout", "8"]
    done = here.bisect(*arguments, "--third", third)
    assert "2.1.0 neither: timed out after 8 s (--command-timeout)" in " ".join(done.stdout.split())
    assert f"counted as {third}" in " ".join(done.stdout.split())
    assert done.code == (4 if third == "skip" else 0)
    assert ("changed between torch 2.0.0 and 2.1.0" in done.stdout) == (third == "bad")
    assert "--command-timeout=8" in done.stdout


def test_a_command_that_cannot_be_started_is_a_usage_error(make: Make) -> None:
    done = make("2.0.0", "2.1.0").bisect("--command", "no-such-program", "--good", "2.0.0", "--bad", "2.1.0")
    assert done.code == 2, done.output
    assert "--command: cannot be started" in done.stderr


# --- state -------------------------------------------------------------------------------------------------------


def killed(here: ReleaseProject, *arguments: str) -> None:
    """Kill a bisection that has run three cells; its state is on disk."""
    child = here.project.start([sys.executable, "-m", "scripts", "bisect", *arguments])
    assert child.stderr
    finished = 0
    for line in child.stderr:
        finished += "more to probe" in line or "candidates probed" in line
        if finished == 3:
            break
    kill_tree(child)
    child.communicate()
    assert finished == 3


def test_a_killed_bisection_can_be_shown_and_resumed(make: Make) -> None:
    here = make(*RELEASES)
    killed(here, *SCRIPTED)
    log = here.bisect("--log")
    assert log.code == 0, log.output
    lines = log.stdout.splitlines()
    assert lines[0].startswith("# scripted-call: good 1.9.1, bad 2.2.0")
    assert lines[-1].startswith("# next: ")
    begun = [line.split()[0] for line in lines[1:-1]]
    assert len(begun) == 3
    found = here.bisect_json("--resume")
    assert changes(found) == [("1.12.1", "1.13.0")]
    cells = [step["cell"] for step in found["steps"]]
    assert cells[:3] == begun
    assert len(cells) == len(set(cells)) <= 2 + 3
    assert here.bisect("--log").stdout.splitlines()[-1] == "# finished"
    assert here.bisect(*SCRIPTED, "--log").stdout == here.bisect("--log").stdout


def test_a_replay_needs_no_records_and_no_index(make: Make, tmp_path: Path) -> None:
    here = make(*RELEASES)
    found = here.bisect_json(*SCRIPTED)
    (state,) = (here.project.state / "bisect").glob("*.json")
    copied = tmp_path / "copied.json"
    shutil.copy(state, copied)
    shutil.rmtree(here.project.root / ".matrix")
    with here.index.down():
        replayed = here.bisect_json("--replay", str(copied))
    assert changes(replayed) == changes(found)
    assert replayed["steps"] == found["steps"]
    assert "problem" in replayed["findings"][0]["evidence"]


def test_an_unfinished_replay_continues_only_on_its_platform(make: Make, tmp_path: Path) -> None:
    here = make(*RELEASES)
    killed(here, *SCRIPTED)
    (state,) = (here.project.state / "bisect").glob("*.json")
    document = json.loads(state.read_text())
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text(json.dumps({**document, "question": {**document["question"], "platform": "plan9-mips"}}))
    refused = here.bisect("--replay", str(elsewhere))
    assert refused.code == 2, refused.output
    assert "started on plan9-mips" in refused.stderr
    assert "# next" in here.bisect("--log", "--replay", str(elsewhere)).stdout
    assert changes(here.bisect_json("--replay", str(state))) == [("1.12.1", "1.13.0")]


def test_parallel_probes_take_fewer_rounds(make: Make) -> None:
    here = make(*RELEASES)
    serial = here.bisect(*SCRIPTED)
    parallel = here.bisect(*SCRIPTED, "-j", "2", "--fresh")
    assert serial.stdout.splitlines()[0] == parallel.stdout.splitlines()[0]
    assert max(rounds(parallel)) == 2
    assert len(rounds(parallel)) < len(rounds(serial))


def test_recorded_cells_only(make: Make) -> None:
    here = make(*RELEASES)
    for release in ("1.9.1", "1.12.1", "1.13.1", "2.2.0"):
        here.project.scripts("run", f"{release}-cpu-py{PYTHON}")
    here.forget()
    found = here.bisect_json(*SCRIPTED, "--recorded", "--no-evidence", code=4)
    assert here.index.requests == []
    assert changes(found) == [("1.12.1", "1.13.1")]
    assert found["findings"][0]["suspects"] == ["1.13.0", "1.13.1"]
    assert found["findings"][0]["evidence"] is None


def test_patch_releases_on_the_index_are_candidates(make: Make) -> None:
    here = make("2.0.0", "2.1.0", behaviours=raising("refused", "2.1.0"))
    here.index.add(build_torch("2.0.1"), build_torch("2.0.2"), channel="cpu")
    assert changes(here.bisect_json(*TRACED, "--bad", "2.1.0")) == [("2.0.2", "2.1.0")]


def test_markdown_fits_into_an_issue(make: Make) -> None:
    done = make(*RELEASES).bisect(*SCRIPTED, "--format", "markdown")
    lines = done.stdout.splitlines()
    assert lines[0] == "### `scripted-call` changed between torch 1.12.1 and 1.13.0"
    fences = [line for line in lines if line.startswith("```")]
    assert fences[:2] == ["```", "```"]
    assert {"```diff", "```sh"} < set(fences)
    assert any(line.startswith("Commits: https://github.com/pytorch/pytorch/compare/") for line in lines)
