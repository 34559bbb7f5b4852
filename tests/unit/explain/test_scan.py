"""Scans: histories, diffs and version files; evidence for a change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

import pytest

from scripts.core.errors import UsageError
from scripts.explain import evidence, scan, source_search
from scripts.explain.evidence import Needles
from scripts.index import torch_version
from scripts.index.errors import NoRangesError, WebError
from scripts.index.remote_wheels import Member, Reader
from scripts.index.torch_version import Torch
from scripts.index.wheel_files import WheelFile
from scripts.records.model import Frame, Observation, Warned
from scripts.views import scan as scan_views

PATH = "torch/nn/utils/parametrize.py"
COMPARE = "https://github.com/pytorch/pytorch/compare"


class FakeReader(Reader):
    """A reader of wheels given as dictionaries."""

    def __init__(self, wheels: Mapping[str, Mapping[str, bytes] | WebError]) -> None:
        self.wheels, self.cached = wheels, 0

    def _of(self, wheel: WheelFile) -> Mapping[str, bytes]:
        found = self.wheels[wheel.release]
        if isinstance(found, WebError):
            raise found
        return found

    def contents(self, wheel: WheelFile) -> Mapping[str, Member]:
        return {
            name: Member(size=len(content), crc=int(hashlib.sha256(content).hexdigest()[:8], 16))
            for name, content in self._of(wheel).items()
        }

    def read(self, wheel: WheelFile, names: object) -> dict[str, bytes | None]:
        assert isinstance(names, Sequence)
        return {name: self._of(wheel).get(name) for name in names}


def version_file(release: str, commit: str = "0123456789abcdef") -> bytes:
    return (
        f"__version__ = '{release}+cpu'\ndebug = False\ncuda: Optional[str] = None\ngit_version = '{commit}'\n".encode()
    )


def wheel(release: str) -> WheelFile:
    filename = f"torch-{release}-cp311-cp311-linux_x86_64.whl"
    return WheelFile(filename=filename, url=f"https://index.example/{filename}", sha256="a" * 64)


def scanned(wheels: Mapping[str, Mapping[str, bytes] | WebError], *patterns: str) -> list[scan.Scanned]:
    full = {
        release: files if isinstance(files, WebError) else {"torch/version.py": version_file(release), **files}
        for release, files in wheels.items()
    }
    return scan.scan(FakeReader(full), {release: wheel(release) for release in wheels}, patterns or (PATH,))


WHEELS: Mapping[str, Mapping[str, bytes] | WebError] = {
    "1.8.1": {},
    "1.9.0": {PATH: b"one\n"},
    "1.9.1": {PATH: b"one\n"},
    "1.10.0": WebError("broken off"),
    "1.11.0": {PATH: b"one\ntwo\n", "torch/nn/utils/prune.py": b""},
    "2.0.0": {},
}


def test_a_history_has_every_release_and_marks_unknown_ones() -> None:
    entries = scan.history(scanned(WHEELS), PATH)
    assert [e.state for e in entries] == ["absent", "first", "same", "unknown", "changed", "absent"]
    moved = [(a.release, b.release) for a, b in scan.moved(entries)]
    assert moved == [("1.8.1", "1.9.0"), ("1.9.1", "1.11.0"), ("1.11.0", "2.0.0")]
    assert entries[3].scanned.problem == "broken off"


def test_patterns_match_existing_files() -> None:
    found = scanned(WHEELS, "torch/nn/utils/p*.py")
    assert scan.paths_of(found, ["torch/nn/utils/p*.py"]) == [PATH, "torch/nn/utils/prune.py"]
    assert scan.paths_of(found, ["torch/none.py", "torch/nn/utils/p*.py"])[0] == "torch/none.py"


def test_a_pattern_for_the_whole_wheel_is_refused() -> None:
    many = {f"torch/{i}.py": b"" for i in range(399)}
    with pytest.raises(UsageError, match="400 files"):
        scanned({"2.0.0": many}, "torch/*.py")


def test_a_server_without_ranges_ends_the_scan() -> None:
    with pytest.raises(NoRangesError, match="--download"):
        scanned({"2.0.0": NoRangesError("https://index.example/f.whl")})


def test_lines_are_found_and_counted_from_one() -> None:
    text = scan.Text.of(b"a\nb needle\n\nneedle\n")
    assert text.find("needle") == (2, 4)
    assert text.find("none") == ()


def test_a_diff_names_both_releases_and_shows_missing_files_and_line_ends() -> None:
    releases = {release.release: release for release in scanned({**WHEELS, "2.1.0": {PATH: b"one\nthree"}})}
    diff = scan.diff(releases["1.9.0"], releases["1.11.0"], PATH)
    assert diff.splitlines()[:2] == [f"--- torch 1.9.0  {PATH}", f"+++ torch 1.11.0  {PATH}"]
    assert diff.endswith("\n one\n+two\n")
    assert scan.diff(releases["1.8.1"], releases["1.9.0"], PATH).startswith("--- /dev/null\n")
    assert "\\ No newline at end of file" in scan.diff(releases["1.9.0"], releases["2.1.0"], PATH)
    assert scan.diff(releases["1.9.0"], releases["1.9.1"], PATH) == ""


def test_json_distinguishes_absent_from_unread() -> None:
    found = scanned(WHEELS)
    data = scan_views.as_json(found, [PATH], "two", index="https://me:pw@index.example/simple", platform="linux-x86_64")
    assert "pw" not in json.dumps(data)
    files = {release["release"]: release["files"][PATH] for release in data["releases"]}
    assert files["1.8.1"] == {"state": "absent", "sha256": None, "size": None, "lines": None}
    assert files["1.10.0"]["state"] == "unknown"
    assert files["1.11.0"] == {
        "state": "changed",
        "sha256": hashlib.sha256(b"one\ntwo\n").hexdigest(),
        "size": 8,
        "lines": [2],
    }
    assert [(c["before"], c["after"]) for c in data["changes"][PATH]][1] == ("1.9.1", "1.11.0")


def test_the_table_fits_eighty_columns(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    scan_views.show(scanned(WHEELS), [PATH], "two", platform="linux-x86_64")
    shown = capsys.readouterr().out
    table = [line for line in shown.splitlines() if line[:3] in {"1.8", "1.9", "1.1", "2.0"} and "→" not in line]
    assert all(len(line) <= 80 for line in table)
    assert "1.10.0: broken off" in shown
    assert "compare/0123456789ab...0123456789ab" in shown


def test_markdown_is_a_table_for_any_search_text() -> None:
    shown = scan_views.markdown(scanned(WHEELS), [PATH], "`two` |", platform="linux-x86_64")
    lines = shown.splitlines()
    assert lines[0] == f"#### `{PATH}`, lines with `'two' |`"
    table = [line for line in lines if line.startswith("|")]
    assert {line.count("|") for line in table} == {8}
    assert "| 1.11.0 | 0123456789ab | - | " in shown
    assert "- not read: `1.10.0: broken off`" in lines


# --- torch/version.py --------------------------------------------------------------------------------------------


def test_version_files_of_old_and_new_releases() -> None:
    old = b"__version__ = '1.9.1+cu102'\ndebug = False\ncuda = '10.2'\ngit_version = 'dfbd'\nhip = None\n"
    new = b"from typing import Optional\n__all__ = ['x']\n__version__ = '2.15.0'\ncuda: Optional[str] = '13.2'\n"
    assert torch_version.parse(old) == Torch(version="1.9.1+cu102", git_version="dfbd", cuda="10.2")
    assert torch_version.parse(new) == Torch(version="2.15.0", cuda="13.2")
    assert torch_version.parse(b"raise SystemExit('never run')") is None
    assert torch_version.parse(b"not python (") is None


def test_commits_are_compared_only_if_both_are_known() -> None:
    known, unknown = Torch(version="1", git_version="a" * 40), Torch(version="2")
    assert torch_version.compare_link(known, known) == f"{COMPARE}/{'a' * 12}...{'a' * 12}"
    assert torch_version.compare_link(known, unknown) is None
    assert torch_version.compare_link(None, known) is None


# --- evidence ----------------------------------------------------------------------------------------------------

BEFORE = b'''
def helper(x):
    return x


def get(module):
    """Raises "Cannot trace a model while caching parametrizations.", some day."""
    return cache[module]
'''
AFTER = b'''
def helper(x):
    if not x:
        raise ValueError("a helper has changed as well")
    return x


def get(module):
    """Raises "Cannot trace a model while caching parametrizations.", some day."""
    if tracing():
        raise RuntimeError('Cannot trace a model while caching '
                           'parametrizations.')
    return cache[module]
'''
MESSAGE = "Cannot trace a model while caching parametrizations."


def found(
    before: Mapping[str, bytes], after: Mapping[str, bytes], needles_after: Needles, needles_before: Needles
) -> evidence.Comparison:
    reader = FakeReader(
        {
            "1": {"torch/version.py": version_file("1", "a" * 40), **before},
            "2": {"torch/version.py": version_file("2", "b" * 40), **after},
        }
    )
    return evidence.compare(reader, wheel("1"), wheel("2"), needles_before=needles_before, needles_after=needles_after)


def test_the_changed_line_with_the_message_comes_first() -> None:
    needles = Needles(messages=(MESSAGE,), functions=frozenset({"helper"}))
    result = found({PATH: BEFORE}, {PATH: AFTER}, needles, Needles())
    assert [(h.why, h.line) for h in result.hunks] == [("message", 11)]
    assert result.summary.endswith(f"{PATH}:11: raise RuntimeError('Cannot trace a model while caching '")
    assert "+        raise RuntimeError" in result.hunks[0].diff
    assert result.compare is not None
    assert result.elsewhere == ()


def test_a_removed_message_is_found_on_the_side_before() -> None:
    result = found({PATH: AFTER}, {PATH: BEFORE}, Needles(), Needles(messages=(MESSAGE,)))
    assert [(h.why, h.side, h.line) for h in result.hunks] == [("message", "before", 11)]
    assert "(before)" in result.summary


def test_raising_lines_and_functions_count_if_no_text_matches() -> None:
    lines = Needles(messages=("boom",), lines=frozenset({(PATH, 4)}))
    assert [(h.why, h.line) for h in found({PATH: BEFORE}, {PATH: AFTER}, lines, Needles()).hunks] == [("line", 4)]
    named = Needles(messages=("boom",), functions=frozenset({"get"}))
    assert [h.why for h in found({PATH: BEFORE}, {PATH: AFTER}, named, Needles()).hunks] == ["function"]


def test_a_change_without_the_message_is_reported_as_such() -> None:
    result = found({PATH: BEFORE}, {PATH: AFTER}, Needles(messages=("boom",)), Needles())
    assert (result.differing, result.hunks) == ((PATH,), ())
    assert "changed, but in no line that matches" in result.summary


def test_without_differing_files_the_cause_lies_elsewhere() -> None:
    near = {"torch/jit/_builtins.py": b"new", "torch/nn/x.pyi": b"new", "torch/fx/a.py": b"new"}
    result = found({PATH: AFTER}, {PATH: AFTER, **near}, Needles(messages=(MESSAGE,)), Needles())
    assert result.differing == ()
    assert result.elsewhere == ("torch/jit/_builtins.py",)
    assert result.summary.endswith(
        "lies elsewhere, in compiled code or in 1 other changed file of torch/jit and torch/nn"
    )
    nothing = found({PATH: AFTER}, {PATH: AFTER}, Needles(), Needles())
    assert nothing.summary.endswith("the cause lies elsewhere, in compiled code")


def test_inconclusive_hunks_come_with_other_changed_files() -> None:
    near = {"torch/jit/_builtins.py": b"new"}
    doubtful = found({PATH: BEFORE}, {PATH: AFTER, **near}, Needles(functions=frozenset({"get"})), Needles())
    assert [hunk.why for hunk in doubtful.shown] == ["function"]
    assert doubtful.elsewhere == ("torch/jit/_builtins.py",)
    sure = found({PATH: BEFORE}, {PATH: AFTER, **near}, Needles(messages=(MESSAGE,)), Needles())
    assert sure.elsewhere == ()


def test_a_warning_of_another_category_is_found_by_its_name() -> None:
    source = b"""def trace():
    warnings.warn("`torch.jit.trace` is deprecated. Please switch to `torch.compile`.", %s)
"""
    text = "`torch.jit.trace` is deprecated. Please switch to `torch.compile`."
    old, new = (
        Observation(outcome="returned", warnings=(Warned(category=f"builtins.{name}", message=text),))
        for name in ("DeprecationWarning", "FutureWarning")
    )
    file = "torch/jit/_trace.py"
    sides = {file: source % b"DeprecationWarning"}, {file: source % b"FutureWarning"}
    result = found(*sides, Needles.of(new, old), Needles.of(old, new))
    assert (result.hunks[0].line, result.hunks[0].side) == (2, "after")
    assert "FutureWarning" in result.summary


def test_lines_with_the_same_text_are_listed_together() -> None:
    after = BEFORE.replace(b"return", b"raise ValueError('no more of this')\n    return")
    padding = b"\n" * 20
    result = found(
        {PATH: BEFORE + padding + BEFORE},
        {PATH: after + padding + after},
        Needles(messages=("no more of this",)),
        Needles(),
    )
    assert result.summary == f"{PATH}:3,33: raise ValueError('no more of this')"


@pytest.mark.parametrize(
    ("source", "message", "lines"),
    [
        ('f(f"size {n} of {name} is too small to be parted")', "size 3 of weight is too small to be parted", [1]),
        ('f("size {} of {} is too small".format(3, 4))', "size 3 of 4 is too small", [1]),
        ('f("size %s is %d too small" % a)', "size 3 is 4 too small", [1]),
        ('f("parametrizations")', MESSAGE, []),
        ('"""Cannot trace a model while caching parametrizations."""', MESSAGE, []),
        ("not python (", MESSAGE, []),
        ('f("Cannot trace   a model\\n while caching parametrizations.")', MESSAGE, [1]),
    ],
)
def test_literals_that_a_message_is_made_from(source: str, message: str, lines: list[int]) -> None:
    assert source_search.literal_lines(source.encode(), [message]) == lines


def test_needles_are_texts_and_frames_within_torch() -> None:
    frames = (
        Frame(file="suite/test_trace.py", line=1, function="test"),
        Frame(file="torch/jit/_trace.py", line=2, function="trace"),
        Frame(file=PATH, line=3, function="get"),
    )
    warned = (Warned(category="FutureWarning", message="deprecated"),)
    needles = Needles.of(Observation(outcome="raised", message=MESSAGE, frames=frames, warnings=warned))
    assert needles.files == (PATH, "torch/jit/_trace.py")
    assert needles.messages == (MESSAGE, "deprecated")
    assert needles.functions == {"get"}
    assert needles.lines == {(PATH, 3)}
    assert Needles.of(None) == Needles()


def test_texts_of_both_sides_explain_no_change() -> None:
    frames = (Frame(file=PATH, line=3, function="get"),)
    deprecated = Warned(category="builtins.FutureWarning", message="deprecated")
    old = Observation(outcome="raised", exception="builtins.RuntimeError", message=MESSAGE, frames=frames)
    new = old.model_copy(update={"warnings": (deprecated,)})
    assert Needles.of(new, old) == Needles(
        messages=("deprecated",), categories=frozenset({"FutureWarning"}), files=(PATH,)
    )
    assert Needles.of(old, new) == Needles(files=(PATH,))


def test_a_long_hunk_is_cut_around_the_line() -> None:
    filler = b"".join(b"x = %d\n" % i for i in range(200))
    result = found({PATH: b""}, {PATH: filler + AFTER + filler}, Needles(messages=(MESSAGE,)), Needles())
    diff = result.hunks[0].diff
    assert len(diff.splitlines()) <= 20
    assert "raise RuntimeError" in diff
