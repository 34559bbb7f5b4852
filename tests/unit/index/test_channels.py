"""The nightly and test channels: names and indexes of their builds, and versions by date."""

from __future__ import annotations

import pytest

from scripts.config import matrix_toml
from scripts.config.cell import Cell
from scripts.core.errors import UsageError
from scripts.index import channels


def test_the_index_of_a_channel_is_beside_the_stable_one() -> None:
    assert channels.index_url("https://h.example/whl/cu124/", "nightly") == "https://h.example/whl/nightly/cu124"
    assert channels.index_url("https://h.example/whl/cpu", "test") == "https://h.example/whl/test/cpu"


def test_builds_with_an_index_have_builds_in_both_channels() -> None:
    builds = channels.with_channels(matrix_toml.load()).builds
    assert builds["nightly.cpu"].index == "https://download.pytorch.org/whl/nightly/cpu"
    assert builds["test.cpu"].fallback is None
    assert "nightly.default" not in builds
    assert Cell.parse("2.12.0.dev20261101-nightly.cpu-py3.11").build == "nightly.cpu"


def test_the_companions_of_a_channel_come_from_the_channel() -> None:
    matrix = matrix_toml.load()
    cpu = matrix.builds["cpu"].model_copy(update={"companions": "https://h.example/whl/cpu"})
    builds = channels.with_channels(matrix.model_copy(update={"builds": {"cpu": cpu}})).builds
    assert builds["nightly.cpu"].companions == "https://h.example/whl/nightly/cpu"


@pytest.mark.parametrize(("text", "position"), [("2.5.1", 0), ("2.5.1+cpu", 0), ("2026-11-01", 1), ("20261101", 1)])
def test_a_version_is_found_without_its_label_and_a_nightly_by_its_date(text: str, position: int) -> None:
    assert channels.position(["2.5.1", "2.12.0.dev20261101"], "--good", text) == position


def test_an_unknown_version_is_refused_with_the_range_of_known_ones() -> None:
    with pytest.raises(UsageError, match=r"--good: the index has no '2\.9'.*; it has 2\.5\.1 to 2\.6\.0"):
        channels.position(["2.5.1", "2.6.0"], "--good", "2.9")
    with pytest.raises(UsageError, match="--bad: the index has no versions"):
        channels.position([], "--bad", "2.9")
