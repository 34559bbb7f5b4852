"""New releases, and their insertion into matrix.toml."""

from __future__ import annotations

import pytest

from scripts.config import edits, matrix_toml
from scripts.core import paths


def test_only_stable_releases_after_the_first_known_are_new() -> None:
    on_index = ["1.8.0", "1.9.0", "2.15.0", "2.15.1", "2.16.0rc1", "2.16.0.dev20261101", "2.16.0", "2.14.2.post1", "x"]
    assert edits.missing(["1.9.0", "2.15.0"], on_index) == ["2.15.1", "2.16.0"]


def test_adding_keeps_the_rest_of_the_file() -> None:
    text = paths.MATRIX_TOML.read_text("utf-8")
    changed = edits.added(text, ["2.15.1", "2.16.0"])
    assert '  "2.15.0", "2.15.1",\n  "2.16.0",\n]' in changed
    assert matrix_toml.parse(changed).releases == (*matrix_toml.load().releases, "2.15.1", "2.16.0")
    assert changed.replace(' "2.15.1",\n  "2.16.0",', "") == text


def test_adding_nothing_changes_nothing() -> None:
    text = paths.MATRIX_TOML.read_text("utf-8")
    assert edits.added(text, []) == text


def test_a_list_on_one_line_becomes_one_minor_a_line() -> None:
    text = 'schema = 1\nreleases = ["2.5.0", "2.5.1"]\n[probes]\n'
    changed = 'schema = 1\nreleases = [\n  "2.5.0", "2.5.1",\n  "2.6.0",\n]\n[probes]\n'
    assert edits.added(text, ["2.6.0"]) == changed


COMMENTED = """\
schema = 1  # of this file
# before the list
releases = [ # all that is known
  # the old ones, without 1.8.0
  "1.9.0", "1.9.1",  # 1.9.2 was never published
  '2.0.0',
  # from here on with "2.1.9" of our own

  "2.2.0",
  # 2.4.0 is to come
]  # end

[probes]
"""
ADDED = """\
schema = 1  # of this file
# before the list
releases = [
  # all that is known
  # the old ones, without 1.8.0
  "1.9.0", "1.9.1", "1.9.3", # 1.9.2 was never published
  "2.0.0",
  "2.1.0",
  # from here on with "2.1.9" of our own
  "2.2.0", "2.2.1",
  "2.3.0",
  # 2.4.0 is to come
]  # end

[probes]
"""


def test_comments_are_kept_and_their_versions_ignored() -> None:
    assert edits.added(COMMENTED, ["1.9.3", "2.1.0", "2.2.1", "2.3.0"]) == ADDED


@pytest.mark.parametrize("text", ["", "schema = 1\n", 'releases = "2.5.1"\n', "# releases = []\n"])
def test_a_file_without_the_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no list `releases"):
        edits.added(text, ["2.6.0"])
