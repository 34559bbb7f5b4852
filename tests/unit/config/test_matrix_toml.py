"""Reading matrix.toml, and the messages of its errors."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.config import cells, matrix_toml, values
from scripts.core import paths
from scripts.core.errors import ConfigError, Exit

GOOD = """
schema = 1
releases = ["1.12.1", "1.13.0", "1.13.1", "2.0.0"]
[builds.default]
releases = ">=1"
[builds.cpu]
releases = ">=1"
index = "https://example.org/cpu"
fallback = "default"
[pythons]
"3.9" = { releases = "<2" }
"3.11" = { releases = ">=1.13" }
[[pins]]
require = "numpy<2"
releases = "<2"
reason = "built against NumPy 1"
[selections.matrix]
description = "some"
releases = "latest-patch"
pythons = { "3.9" = "<1.13", "3.11" = ">=1.13" }
cells = ["1.13.1-cpu-py3.9"]
"""


def problems_of(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        matrix_toml.parse(text)
    assert caught.value.exit is Exit.USAGE
    return caught.value.problems


def test_the_project_s_own_file_is_valid() -> None:
    matrix = matrix_toml.load()
    assert len(matrix.releases) == 38


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ('fallback = "default"', None),
        (('fallback = "default"', 'fallbak = "default"'), ["builds.cpu.fallbak", "did you mean 'fallback'"]),
        (
            ("[pythons]", "[pithons]"),
            ["pithons: unknown key", "did you mean 'pythons'", "pythons: this key is required"],
        ),
        (('fallback = "default"', 'fallback = "defualt"'), ["builds.cpu.fallback", "did you mean 'default'"]),
        (('fallback = "default"', 'fallback = "cpu"'), ["builds.cpu.fallback", "its own fallback"]),
        (
            (
                'fallback = "default"',
                'fallback = "other"\n[builds.other]\nreleases = ">=1"\nindex = "https://example.org"\nfallback = "cpu"',
            ),
            ["builds.cpu.fallback", "circular: cpu → other → cpu"],
        ),
        (('index = "https://example.org/cpu"\n', ""), ["builds.cpu.index", "may have no index"]),
        (('index = "https://example.org/cpu"', 'index = "example.org"'), ["builds.cpu.index", "pattern"]),
        (('require = "numpy<2"', 'require = "numpy<<2"'), ["pins.0.require", "PEP 508"]),
        (('releases = "<2"\nreason', 'releases = "2"\nreason'), ["pins.0.releases", "PEP 440 specifier"]),
        (('releases = "<2"\nreason', 'releases = ">7"\nreason'), ["pins.0.releases", "matches no release"]),
        (('reason = "built against NumPy 1"', ""), ["pins.0.reason", "required"]),
        (('"2.0.0"]', '"2.0.0", "2.0.0"]'), ["releases", "listed twice: 2.0.0"]),
        (('"2.0.0"]', '"2.0.0", "1.9.0"]'), ["releases", "in order"]),
        (('"2.0.0"]', '"2.0.0+cpu"]'), ["releases", "not a normalized public version", "'2.0.0'"]),
        (('"2.0.0"]', '"two"]'), ["releases", "PEP 440 version"]),
        (
            ('"3.11" = { releases = ">=1.13" }', '"3.11" = { releases = ">=9" }'),
            ["pythons.3.11.releases", "matches no release"],
        ),
        (('releases = "latest-patch"', 'releases = ">=9"'), ["selections.matrix.releases", "matches no release"]),
        (('releases = "latest-patch"', 'releases = ["1.13.2"]'), ["unknown release '1.13.2'", "'1.13.1'"]),
        (
            ('releases = "latest-patch"', 'releases = "latest-patch"\nbuilds = ["cpo"]'),
            ["unknown build 'cpo'", "'cpu'"],
        ),
        (('{ "3.9" = "<1.13", ', '{ "3.8" = "<1.13", '), ["selections.matrix.pythons", "unknown Python '3.8'"]),
        (('["1.13.1-cpu-py3.9"]', '["1.13.1-cpu-3.9"]'), ["selections.matrix.cells.0", "is not a cell id"]),
        (('["1.13.1-cpu-py3.9"]', '["1.13.1-cpu-py3.11"]'), ["selections.matrix.cells.0", "duplicate cell"]),
        (
            ('["1.13.1-cpu-py3.9"]', '["1.13.1-cpu-py3.9", "1.13.1-cpu-py3.9"]'),
            ["selections.matrix.cells.1", "duplicate cell"],
        ),
        (('["1.13.1-cpu-py3.9"]', '["1.13.1-cu1-py3.9"]'), ["unknown build 'cu1'"]),
        (("schema = 1", "schema = 2"), ["schema", "found 2"]),
        (("schema = 1", "schema = 1\nlimits = 3"), ["limits", "found 3"]),
        (("schema = 1", 'schema = 1\nbudget = { disk = "much" }'), ["budget.disk", "found 'much'"]),
        (("[selections.matrix]", "[selections.other]"), ["selections.matrix", "required"]),
        (("schema = 1", "schema = = 1"), ["not TOML", "line 2"]),
    ],
    ids=lambda value: (
        None if isinstance(value, list) or value is None else str(value[1] if isinstance(value, tuple) else value)[:40]
    ),
)
def test_each_mistake_is_reported_with_its_key(change: tuple[str, str], words: list[str] | None) -> None:
    if words is None:
        matrix_toml.parse(GOOD)
        return
    before, after = change
    assert before in GOOD
    text = "\n".join(problems_of(GOOD.replace(before, after, 1)))
    for word in words:
        assert word in text


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("pins.0.require", GOOD.replace('"numpy<2"', '"./none"')),
        ("suites.mine.require", GOOD + '[suites.mine]\npath = "tests"\nrequire = ["./none"]'),
        ("qualify.with", GOOD + '[qualify]\nwith = ["./none"]'),
    ],
)
def test_a_path_is_relative_to_the_file(tmp_path: Path, key: str, text: str) -> None:
    with pytest.raises(ConfigError, match=rf"{key}.*\./none.*no such file or directory"):
        matrix_toml.parse(text, tmp_path / "matrix.toml")
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "pyproject.toml").write_text('[project]\nname = "mylib"\n')
    assert f"mylib @ {(tmp_path / 'none').as_uri()}" in str(matrix_toml.parse(text, tmp_path / "matrix.toml"))


def test_all_mistakes_are_reported_at_once() -> None:
    text = GOOD.replace("fallback", "fallbak").replace('reason = "built against NumPy 1"', "")
    assert len(problems_of(text)) == 2


def test_ids_with_equal_folder_names_collide() -> None:
    text = GOOD.replace(
        'cells = ["1.13.1-cpu-py3.9"]', 'cells = ["1.13.1-cpu-py3.9"]\nbuilds = ["cpu", "c.pu", "c.p.u"]'
    )
    text += '[builds."c.pu"]\nreleases = ">=1"\nindex = "https://x"\n[builds."c.p.u"]\nreleases = ">=1"\nindex = "https://x"\n'
    assert not any("collide" in problem for problem in _problems_or_none(text))
    text = text.replace("c.p.u", "c..pu")
    assert any("collide" in problem and "c-pu" in problem for problem in problems_of(text))


def _problems_or_none(text: str) -> list[str]:
    try:
        matrix_toml.parse(text)
    except ConfigError as error:
        return error.problems
    return []


def test_a_missing_file_is_reported(tmp_path: object) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        matrix_toml.load(paths.ROOT / "no such matrix.toml")


def test_no_known_change_coincides_with_a_change_of_python() -> None:
    matrix = matrix_toml.load()
    chosen = cells.expand(matrix, matrix.selections["matrix"])
    for before, after in [("1.9.1", "1.10.2"), ("1.12.1", "1.13.1"), ("2.9.1", "2.10.0"), ("2.13.0", "2.14.1")]:
        pythons = [{c.python for c in chosen if c.torch == release and c.build == "cpu"} for release in (before, after)]
        assert pythons[0] & pythons[1], f"{before} and {after} share no Python"


def test_the_default_selection_is_the_latest_patch_of_each_minor() -> None:
    matrix = matrix_toml.load()
    releases = {cell.torch for cell in cells.expand(matrix, matrix.selections["matrix"])}
    assert releases == set(cells.latest_patches(matrix.releases))
    assert len(releases) == 21


@given(st.text(max_size=200))
def test_other_errors_are_never_raised(text: str) -> None:
    for candidate in (text, GOOD + text):
        assert all("Traceback" not in problem for problem in _problems_or_none(candidate))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31", "2026-02-01T00:00:00Z"),
        ("2026-12-31", "2027-01-01T00:00:00Z"),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
        ("2026-01-31t12:00:00z", "2026-01-31T12:00:00Z"),
        ("2026-01-31 12:00:00+02:00", "2026-01-31T10:00:00Z"),
    ],
)
def test_dates_and_timestamps(text: str, expected: str) -> None:
    assert values.timestamp(text) == expected
    assert values.timestamp(expected) == expected


@pytest.mark.parametrize(
    "text", ["", "yesterday", "1 week", "2026-02-30", "2026-01-31T12:00:00", "2026-01", "9999-12-31", "20260131"]
)
def test_invalid_timestamps_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a date or a timestamp with a time zone"):
        values.timestamp(text)


def test_companions_are_names_and_never_torch() -> None:
    assert matrix_toml.parse(f'companions = ["Torch_Vision"]\n{GOOD}').companions == ("torch-vision",)
    for name, message in (("torchvision>=1", "write it without version"), ("Torch", "list only packages beside it")):
        with pytest.raises(ConfigError, match=rf"companions\.0: .*{message}"):
            matrix_toml.parse(f'companions = ["{name}"]\n{GOOD}')
