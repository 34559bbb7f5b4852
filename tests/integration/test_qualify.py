"""Qualifications of synthetic candidates, with the real command line, uv and tests."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.behaviour import Behaviour, crashes, flaky, hangs, raises, sleeps, usual, warns
from tests.support.index import Fault, LocalIndex
from tests.support.matrices import matrix_text
from tests.support.project import Finished, Project
from tests.support.torches import build_nightlies, build_torch
from tests.support.wheels import Wheel, build_package, installed, truncated

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
OLD, NEW = "2.14.1", "2.15.0"


@pytest.fixture(scope="module")
def packages() -> list[Wheel]:
    """Return the real pytest, and stubs of the backports that it needs on Python 3.10."""
    groups = (
        "class BaseExceptionGroup(BaseException):\n"
        "    __class_getitem__ = classmethod(lambda cls, item: cls)\n\n\n"
        "class ExceptionGroup(BaseExceptionGroup, Exception): ...\n"
    )
    backports = [
        build_package("exceptiongroup", "1.3.0", files={"exceptiongroup/__init__.py": groups}),
        build_package("tomli", "2.0.1", files={"tomli/__init__.py": ""}),
        build_package("typing-extensions", "4.15.0"),
    ]
    return [*installed("pytest"), *backports]


@pytest.fixture
def index(packages: list[Wheel]) -> Any:
    with LocalIndex() as index:
        index.add(*packages)
        index.add(build_torch(OLD), channel="cpu")
        yield index


Make = Callable[..., Project]


@pytest.fixture
def make(tmp_path: Path, index: LocalIndex) -> Make:
    """Return a function that copies the project, by default with one Python; ``qualify`` is TOML of its policy."""

    def project(
        *, pythons: tuple[str, ...] = ("3.11",), qualify: str = "", folder: str = ".", **options: Any
    ) -> Project:
        text = matrix_text(index, ["2.13.0", OLD, NEW], pythons=pythons, extra=qualify, **options)
        copy = Project(tmp_path / folder, text, index)
        copy.env["COLUMNS"] = "100"
        return copy

    return project


def qualification(project: Project) -> dict[str, Any]:
    """Return the newest qualification."""
    data: dict[str, Any] = json.loads(newest(project).read_bytes())
    return data


def newest(project: Project) -> Path:
    """Return the file of the newest qualification."""
    return max((project.state / "qualify").glob("*.json"))


def findings(project: Project) -> set[tuple[str, str, str]]:
    """Return name, category and effect of every finding."""
    return {(finding["name"], finding["category"], finding["effect"]) for finding in qualification(project)["findings"]}


def qualify(project: Project, *arguments: str, timeout: float = 120) -> Finished:
    return project.scripts("qualify", *arguments, timeout=timeout)


def candidate(index: LocalIndex, **changes: Any) -> Wheel:
    """Add a candidate to the cpu channel, and return its wheel."""
    wheel = build_torch(NEW, **changes)
    index.add(wheel, channel="cpu")
    return wheel


def does(**observations: Any) -> Behaviour:
    return Behaviour(observations={name.replace("_", "-"): act for name, act in observations.items()})  # type: ignore[misc]


# --- no changes ---------------------------------------------------------------------------------------------------


def test_an_unchanged_candidate_is_qualified_on_every_python_it_has(index: LocalIndex, make: Make) -> None:
    wheel = candidate(index)
    project = make(pythons=PYTHONS)
    done = qualify(project, NEW, "-j", "2")
    assert done.code == 0, done.output
    assert done.stdout.startswith(f"✓ QUALIFIED  torch {NEW} against {OLD}\n4 of 4 cells compared\n")
    data = qualification(project)
    assert [pair["python"] for pair in data["lanes"]] == list(PYTHONS)
    assert data["findings"] == []
    record = data["lanes"][0]["candidate"][0]["record"]
    assert record["wheel"]["sha256"] == wheel.sha256
    assert record["torch"]["git_version"]
    assert set(data["locks"]) == {pair[side][0]["lock"] for pair in data["lanes"] for side in ("candidate", "baseline")}
    assert all(wheel.sha256 in data["locks"][pair["candidate"][0]["lock"]] for pair in data["lanes"])
    assert wheel.sha256[:12] in done.stdout
    assert len(data["lanes"][0]["candidate"]) == 1  # nothing differs, so nothing runs again


def test_fresh_records_and_accepted_results_replace_runs_of_the_baseline(index: LocalIndex, make: Make) -> None:
    candidate(index)
    project = make()
    assert project.scripts("run", f"{OLD}-cpu-py3.11").code == 0
    assert qualify(project, NEW).code == 0
    assert qualification(project)["lanes"][0]["baseline"][0]["origin"] == "fresh record"
    assert project.scripts("accept", f"{OLD}-cpu-py3.11").code == 0
    assert qualify(project, NEW).code == 0
    assert qualification(project)["lanes"][0]["baseline"][0]["origin"] == "accepted"
    assert qualify(project, NEW, "--fresh").code == 0
    assert qualification(project)["lanes"][0]["baseline"][0]["origin"] == "run"


def test_accepted_results_of_another_wheel_are_not_current(index: LocalIndex, make: Make) -> None:
    candidate(index)
    project = make()
    assert project.scripts("run", f"{OLD}-cpu-py3.11").code == 0
    assert project.scripts("accept", f"{OLD}-cpu-py3.11").code == 0
    path = next((project.root / "results").rglob("*.json"))
    path.write_text(path.read_text("utf-8").replace(build_torch(OLD).sha256, "0" * 64), "utf-8")
    assert qualify(project, NEW).code == 0
    assert qualification(project)["lanes"][0]["baseline"][0]["origin"] == "fresh record"


# --- blocking changes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "finding"),
    [
        (does(trace=raises("ValueError", "no more")), ("trace", "broken", "blocks")),
        (does(trace=crashes()), ("trace", "newly crashed", "blocks")),
        (Behaviour(on_import=crashes()), ("install-and-import", "newly crashed", "blocks")),
        (Behaviour(on_import=raises("ImportError", "no lib")), ("install-and-import", "broken", "blocks")),
    ],
    ids=["raises", "crashes", "crashes on import", "import fails"],
)
def test_what_breaks_blocks(index: LocalIndex, make: Make, behaviour: Behaviour, finding: tuple[str, str, str]) -> None:
    candidate(index, behaviour=behaviour)
    project = make()
    done = qualify(project, NEW)
    assert done.code == 1, done.output
    assert done.stdout.startswith("✗ BLOCKED")
    assert finding in findings(project)
    assert all(finding["confirmed"] for finding in qualification(project)["findings"])
    assert [len(qualification(project)["lanes"][0][side]) for side in ("candidate", "baseline")] == [2, 2]


@pytest.mark.parametrize("where", ["probe", "import"])
def test_a_hang_is_distinguished_from_a_crash(index: LocalIndex, make: Make, where: str) -> None:
    candidate(index, behaviour=does(script=hangs()) if where == "probe" else Behaviour(on_import=hangs()))
    project = make(limits={"startup": 8, "probe": 3})
    done = qualify(project, NEW)
    assert done.code == 1, done.output
    name = "script" if where == "probe" else "install-and-import"
    assert (name, "newly hangs", "blocks") in findings(project)


@pytest.mark.parametrize(
    ("wheel", "words"),
    [(truncated(build_torch(NEW)), "broken wheel"), (build_torch(NEW, inside="2.14.0+cpu"), "wrong version")],
    ids=["broken", "wrong version inside"],
)
def test_a_bad_wheel_blocks(index: LocalIndex, make: Make, wheel: Wheel, words: str) -> None:
    index.add(wheel, channel="cpu")
    project = make()
    done = qualify(project, NEW)
    assert done.code == 1, done.output
    assert findings(project) == {("install-and-import", "broken", "blocks")}
    assert words in done.stdout


def test_a_candidate_that_conflicts_with_the_pins_blocks(index: LocalIndex, make: Make) -> None:
    index.add(build_package("other", "1"), build_package("other", "2"))
    candidate(index, requires=["other>=2"])
    pin = '[[pins]]\nrequire = "other<2"\nreason = "so"\n'
    project = make(qualify=pin)
    assert qualify(project, NEW).code == 1
    assert findings(project) == {("install-and-import", "broken", "blocks")}


# --- warnings -----------------------------------------------------------------------------------------------------


def test_a_warning_only_is_qualified_with_warnings(index: LocalIndex, make: Make) -> None:
    candidate(index, behaviour=does(trace=warns("UserWarning", "soon")))
    project = make()
    done = qualify(project, NEW)
    assert done.code == 0, done.output
    assert done.stdout.startswith("! QUALIFIED WITH WARNINGS")
    assert ("trace", "warning added", "warns") in findings(project)
    assert "blocks" not in {effect for _, _, effect in findings(project)}


@pytest.mark.parametrize("side", ["candidate", "baseline"])
def test_a_flaky_test_is_no_regression(index: LocalIndex, make: Make, tmp_path: Path, side: str) -> None:
    # Each run's first process increments the counter; the observation raises in every other run.
    act = does(script=flaky(raises("ValueError", "now and then"), usual(), counter=tmp_path / "count"))
    if side == "baseline":
        index.remove(build_torch(OLD), channel="cpu")
        index.add(build_torch(OLD, behaviour=act), channel="cpu")
        candidate(index)
    else:
        candidate(index, behaviour=act)
    project = make()
    done = qualify(project, NEW)
    assert done.code == 0, done.output
    assert ("script", "flaky", "warns") in findings(project)
    assert "blocks" not in {effect for _, _, effect in findings(project)}
    assert f"in the {side}" in done.stdout


def test_a_slow_import_is_confirmed_and_reported(index: LocalIndex, make: Make) -> None:
    candidate(index, behaviour=Behaviour(on_import=sleeps(3)))
    project = make()
    assert qualify(project, NEW).code == 0
    assert findings(project) == {("import-time", "newly slow to import", "warns")}
    assert qualification(project)["findings"][0]["confirmed"]
    assert not list((project.state / "envs").iterdir())


def test_a_missing_python_is_reported_and_the_others_are_compared(index: LocalIndex, make: Make) -> None:
    for python in ("310", "311", "312"):
        candidate(index, tag=f"cp{python}-cp{python}-linux_x86_64")
    project = make(pythons=PYTHONS)
    done = qualify(project, NEW)
    assert done.code == 0, done.output
    assert findings(project) == {("install-and-import", "missing wheel", "warns")}
    assert "3 of 4 cells compared" in done.stdout
    assert "cpu-py3.13: the candidate has no wheel" in done.stdout


def test_a_new_python_is_compared_with_the_nearest_of_the_baseline(index: LocalIndex, make: Make) -> None:
    index.remove(build_torch(OLD), channel="cpu")
    index.add(build_torch(OLD, tag="cp311-cp311-linux_x86_64"), channel="cpu")
    candidate(index)
    project = make(pythons=("3.11", "3.12"))
    done = qualify(project, NEW)
    assert done.code == 0, done.output
    assert [pair["baseline_cell"] for pair in qualification(project)["lanes"]] == [f"{OLD}-cpu-py3.11"] * 2
    assert "2.14.1 lacks this cell; using the nearest: Python 3.12 → 3.11" in " ".join(done.stdout.split())


# --- expected changes ---------------------------------------------------------------------------------------------


def expected(**changes: Any) -> str:
    defaults = {
        "observation": "script",
        "releases": ">=2.15",
        "from": "^returned",
        "to": "ValueError",
        "reason": "compiling is gone",
        "link": "https://example.org/1",
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in {**defaults, **changes}.items() if key != "expires"]
    expires = changes.get("expires", dt.datetime.now(dt.UTC).date() + dt.timedelta(days=30))
    also = ['[[qualify.expected]]\nobservation = "test_scriptable"\nreleases = ">=2.15"\nto = "ValueError"']
    also += ['reason = "as script"\nlink = "https://example.org/1"\nexpires = 2999-01-01\n']
    both = changes.get("observation") is None
    return "\n".join(["[[qualify.expected]]", *lines, f"expires = {expires}", *(also if both else []), ""])


BREAKS = {"script": raises("ValueError", "no"), "script_while_caching": usual()}


def test_an_expected_change_is_qualified(index: LocalIndex, make: Make) -> None:
    candidate(index, behaviour=does(**BREAKS))
    project = make(qualify=expected())
    done = qualify(project, NEW)
    assert done.code == 0, done.output
    assert {effect for _, _, effect in findings(project)} == {"expected"}
    assert "compiling is gone" in done.stdout
    assert "https://example.org/1" in done.stdout
    assert {outcome["status"] for outcome in qualification(project)["expectations"]} == {"happened"}


def test_an_expired_expectation_allows_nothing(index: LocalIndex, make: Make) -> None:
    candidate(index, behaviour=does(**BREAKS))
    project = make(qualify=expected(expires=dt.date(2026, 1, 1)))
    assert qualify(project, NEW).code == 1
    assert ("script", "broken", "blocks") in findings(project)
    assert ("script", "expectation expired", "warns") in findings(project)


def test_an_expectation_that_did_not_happen_is_a_warning(index: LocalIndex, make: Make) -> None:
    candidate(index)
    project = make(qualify=expected(observation="trace*"))
    done = qualify(project, NEW)
    assert done.code == 0, done.output
    assert findings(project) == {("trace*", "expected change missing", "warns")}
    assert "did not happen" in done.stdout


# --- inconclusive or refused --------------------------------------------------------------------------------------


def test_a_candidate_for_another_platform_is_inconclusive(index: LocalIndex, make: Make) -> None:
    candidate(index, tag="cp311-cp311-win_amd64")
    project = make()
    done = qualify(project, NEW)
    assert done.code == 4, done.output
    assert done.stdout.startswith("? INCONCLUSIVE")


def test_unreachable_indexes_are_inconclusive(index: LocalIndex, make: Make) -> None:
    candidate(index)
    project = make(builds={"cpu": None})
    with index.down():
        done = qualify(project, NEW, timeout=200)
    assert done.code == 4, done.output
    assert "0 of 1 cell compared" in done.stdout
    assert "unreachable" in done.stdout


def test_the_same_wheel_on_both_sides_is_inconclusive(index: LocalIndex, make: Make) -> None:
    index.add(build_torch(OLD, label=None))
    project = make(builds={"cu126": "default", "cpu": "default"})
    index.fail("/whl/*", Fault.drop())  # so that both builds fall back
    done = qualify(project, OLD, "--baseline", OLD, "--build", "cpu", "--baseline-build", "cu126")
    assert done.code == 4, done.output
    assert "candidate and baseline are the same wheel" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["2.99.0"], "CANDIDATE: the index has no '2.99.0'"),
        (["nonsense"], "not a torch version: 'nonsense'"),
        ([], "name the version to qualify, or pass its wheels with --wheel"),
        ([NEW, "--baseline", "2.99.0"], "--baseline: the index has no '2.99.0'"),
        ([NEW, "--baseline", NEW], "candidate and baseline are both 2.15.0-cpu-py3.11"),
        ([NEW, "--baseline-build", "cu1"], "--baseline-build: unknown build 'cu1'"),
        ([NEW, "--python", "3.7"], "--python: unknown Python '3.7'"),
        ([NEW, "--selection", "matrx"], "did you mean 'matrix'"),
        ([NEW, "--build", "cu999"], "matrix.toml has no build cu999"),
        ([NEW, "--torch", "<2"], "--torch: 2.15.0 is not in '<2'"),
        ([NEW, "--with", "torch<2"], "torch itself is under test"),
        ([NEW, "--with", "???"], "not a PEP 508 requirement"),
        ([NEW, "--index", "nowhere"], "--index: not a URL: 'nowhere'"),
        ([NEW, "--wheel", "nowhere.whl"], "--wheel: no such file or directory: nowhere.whl"),
        (["--replay", "nowhere.json"], "--replay: not a file: 'nowhere.json'"),
        ([NEW, "--replay", "nowhere.json"], "--replay: not a file: 'nowhere.json'"),
        ([NEW, "--pre", "--nightly"], "not allowed with argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_usage_names_the_option_and_the_remedy(
    index: LocalIndex, make: Make, arguments: list[str], words: str
) -> None:
    candidate(index)
    done = qualify(make(), *arguments)
    assert done.code == 2, done.output
    assert words in done.stderr
    assert done.stdout == ""


# --- where candidates come from -----------------------------------------------------------------------------------


def test_a_release_candidate_named_like_the_final_version(index: LocalIndex, make: Make) -> None:
    final = candidate(index)
    pre = build_torch(NEW, git_version="c" * 40, behaviour=does(trace=raises("ValueError", "rc")))
    index.add(pre, channel="test/cpu")
    project = make()
    done = qualify(project, NEW, "--pre")
    assert done.code == 1, done.output
    tested = qualification(project)["lanes"][0]["candidate"][0]["record"]
    assert (tested["wheel"]["sha256"], tested["torch"]["git_version"]) == (pre.sha256, "c" * 40)
    assert pre.sha256 != final.sha256
    assert pre.sha256[:12] in done.stdout
    assert "cccccccccccc" in done.stdout
    # Without --pre, the same version is the other wheel; the release candidate's record is not used for it.
    assert qualify(project, NEW).code == 0
    assert qualification(project)["lanes"][0]["candidate"][0]["record"]["wheel"]["sha256"] == final.sha256


def test_a_replaced_release_candidate_runs_again(index: LocalIndex, make: Make) -> None:
    first = build_torch(NEW, behaviour=does(trace=raises("ValueError", "rc")))
    index.add(first, channel="test/cpu")
    project = make()
    assert qualify(project, NEW, "--pre").code == 1
    index.remove(first, channel="test/cpu")
    index.add(build_torch(NEW, build_tag="1"), channel="test/cpu")
    assert qualify(project, NEW, "--pre").code == 0


def test_a_nightly_without_hashes_by_its_date(index: LocalIndex, make: Make) -> None:
    nightlies = build_nightlies(2, behaviour=lambda _: does(trace=warns("UserWarning", "soon")))
    index.add(*nightlies, channel="nightly/cpu")
    project = make()
    done = qualify(project, "2026-11-10", "--nightly", "--baseline", OLD)
    assert done.code == 0, done.output
    data = qualification(project)
    assert data["candidate"]["version"] == "2.16.0.dev20261110"
    assert data["lanes"][0]["candidate"][0]["record"]["wheel"]["sha256"] == nightlies[-1].sha256
    assert ("trace", "warning added", "warns") in findings(project)


def test_an_index_of_several_builds(index: LocalIndex, make: Make) -> None:
    cpu, cuda = build_torch(NEW), build_torch(NEW, label="cu126", behaviour=does(trace=raises("ValueError", "cuda")))
    index.add(cpu, cuda, channel="mirror")
    project = make()
    done = qualify(project, NEW, "--index", index.url("mirror"), "--build", "cpu")
    assert done.code == 0, done.output
    assert qualification(project)["lanes"][0]["candidate"][0]["record"]["wheel"]["sha256"] == cpu.sha256
    done = qualify(project, NEW, "--index", index.url("mirror"), "--baseline-build", "cpu")
    assert done.code == 1, done.output
    builds = {pair["build"]: pair["candidate"][0]["record"] for pair in qualification(project)["lanes"]}
    assert {build: record["cell"]["build"] for build, record in builds.items()} == {"cpu": "cpu", "cu126": "cu126"}
    assert {finding["lane"] for finding in qualification(project)["findings"]} == {"cu126-py3.11"}


def test_a_local_wheel_is_tested_instead_of_another_of_the_same_name(
    index: LocalIndex, make: Make, tmp_path: Path
) -> None:
    candidate(index)
    wheel = build_torch(NEW, behaviour=does(trace=raises("ValueError", "local")), requires=["triton"])
    file = wheel.write(tmp_path / "my wheels #1% é")
    index.add(build_package("triton", "9.9"))
    index.add(build_package("triton", "3.1"), channel="cpu")
    project = make(folder="my project #2%20 é")
    project.write_matrix('companions = ["triton"]\n' + (project.root / "matrix.toml").read_text("utf-8"))
    done = qualify(project, "--wheel", str(file))
    assert done.code == 1, done.output
    data = qualification(project)
    assert data["candidate"]["wheels"] == {str(file): wheel.sha256}
    record = data["lanes"][0]["candidate"][0]["record"]
    assert record["wheel"]["sha256"] == wheel.sha256
    assert wheel.sha256 in data["locks"][data["lanes"][0]["candidate"][0]["lock"]]
    assert record["packages"]["triton"] == "3.1"  # of the index of its build, since the folder has only torch
    assert ("trace", "broken", "blocks") in findings(project)


def test_a_folder_of_wheels_for_several_pythons_and_builds(index: LocalIndex, make: Make, tmp_path: Path) -> None:
    index.add(build_torch(OLD, label="cu126"), channel="cu126")
    for python, label in (("311", "cpu"), ("312", "cpu"), ("312", "cu126")):
        build_torch(NEW, label=label, tag=f"cp{python}-cp{python}-linux_x86_64").write(tmp_path / "dist")
    project = make(pythons=("3.11", "3.12"), builds={"cpu": None, "cu126": None})
    done = qualify(project, NEW, "--wheel", str(tmp_path / "dist"))
    assert done.code == 0, done.output
    pairs = qualification(project)["lanes"]
    assert [(pair["build"], pair["python"]) for pair in pairs if not pair.get("missing")] == [
        ("cpu", "3.11"),
        ("cpu", "3.12"),
        ("cu126", "3.12"),
    ]
    assert ("install-and-import", "missing wheel", "warns") in findings(project)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["torch-2.15.0-py3-none-any.whl", "torch-2.16.0-py3-none-any.whl"], "wheels of several versions"),
        (["torchvision-1.0-py3-none-any.whl"], "no torch-*.whl in the directory"),
        (["torch-nonsense.whl"], "not a valid wheel name"),
        ([], "no torch-*.whl in the directory"),
    ],
)
def test_a_folder_that_cannot_be_used(make: Make, tmp_path: Path, names: list[str], words: str) -> None:
    folder = tmp_path / "dist"
    folder.mkdir()
    for name in names:
        (folder / name).touch()
    done = qualify(make(), "--wheel", str(folder))
    assert done.code == 2, done.output
    assert words in done.stderr


# --- pins ---------------------------------------------------------------------------------------------------------


def test_alternative_pins_are_tried_on_both_sides(index: LocalIndex, make: Make) -> None:
    index.add(build_package("other", "1"), build_package("other", "2"))
    candidate(index, behaviour=does(trace=raises("ValueError", "no")))
    project = make(qualify='[qualify]\nwith = ["other<2"]\n')
    done = qualify(project, NEW, "--with", "other>=2")
    assert done.code == 1, done.output
    data = qualification(project)
    assert [pair.get("pins", []) for pair in data["lanes"]] == [[], ["other<2"], ["other>=2"]]
    used = [pair["candidate"][0]["record"]["packages"].get("other") for pair in data["lanes"]]
    assert used == [None, "1", "2"]
    assert {finding["attribution"] for finding in data["findings"]} == {"torch, with any of the pins"}
    assert "torch, with any of the pins" in done.stdout


# --- file, formats and replay -------------------------------------------------------------------------------------


def test_a_replay_uses_the_same_locks_and_the_verdict_stands(index: LocalIndex, make: Make) -> None:
    index.add(build_package("other", "1"))
    pins = '[[pins]]\nrequire = "other"\nreason = "so"\n'
    candidate(index, behaviour=does(trace=raises("ValueError", "no")))
    project = make(qualify=pins)
    assert qualify(project, NEW).code == 1
    first = qualification(project)
    file = newest(project).rename(project.root / "saved.json")
    index.add(build_package("other", "2"))
    done = qualify(project, "--replay", str(file))
    assert done.code == 1, done.output
    assert "the verdict stands" in done.stdout
    again = qualification(project)
    assert again["locks"] == first["locks"]
    assert again["replay"] == {
        "file": "saved.json",
        "asked_on": first["asked_on"],
        "verdict": "blocked",
        "stands": True,
    }
    assert {sample["record"]["packages"]["other"] for sample in again["lanes"][0]["candidate"]} == {"1"}


def test_a_replay_reports_that_the_verdict_does_not_stand(index: LocalIndex, make: Make, tmp_path: Path) -> None:
    counter = tmp_path / "count"
    act = flaky(*[raises("ValueError", "at first")] * 2, *[usual()] * 20, counter=counter)
    candidate(index, behaviour=does(script=act))
    project = make()
    before = qualify(project, NEW)
    assert before.code == 1, before.output
    counter.write_bytes(b"." * 2)
    file = newest(project)
    done = qualify(project, "--replay", str(file))
    assert done.code == 1, done.output
    assert "the verdict does not stand: it was blocked" in " ".join(done.stdout.split())
    assert qualification(project)["verdict"] == "qualified"


def test_a_replay_of_local_wheels_refuses_changed_ones(index: LocalIndex, make: Make, tmp_path: Path) -> None:
    file = build_torch(NEW).write(tmp_path / "dist")
    project = make()
    assert qualify(project, "--wheel", str(file)).code == 0
    saved = newest(project)
    assert qualify(project, "--replay", str(saved)).code == 0
    build_torch(NEW, git_version="d" * 40).write(tmp_path / "dist")
    done = qualify(project, "--replay", str(saved))
    assert done.code == 2, done.output
    assert "has changed since" in done.stderr


def test_the_formats_agree_and_show_runs_nothing(index: LocalIndex, make: Make) -> None:
    candidate(index, behaviour=does(trace=raises("ValueError", "<b>|`no`</b>")))
    project = make()
    assert qualify(project, NEW, "--format", "html", "--output", "page.html").code == 1
    page = (project.root / "page.html").read_text("utf-8")
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert "http" not in page.replace("http-equiv", "").replace(index.url("cpu"), "")
    file = newest(project)
    index.forget()
    markdown = qualify(project, "--show", str(file), "--format", "markdown")
    assert markdown.code == 1
    assert markdown.stdout.startswith(f"## ✗ Blocked: torch {NEW} against {OLD}\n")
    shown = json.loads(qualify(project, "--show", str(file), "--format", "json").stdout)
    assert shown == json.loads(file.read_bytes())
    assert index.requests == []


def test_the_nox_session_fails_if_the_candidate_is_blocked(index: LocalIndex, make: Make) -> None:
    candidate(index, behaviour=does(trace=raises("ValueError", "no")))
    project = make()
    done = project.nox("-s", "qualify", "--", NEW, timeout=120)
    assert done.code == 1
    assert "BLOCKED" in done.stdout
