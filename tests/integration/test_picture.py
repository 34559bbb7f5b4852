"""The picture of the matrix in a real browser: no text leaves its box or meets another one, whatever the font.

Where a machine lacks one of the fonts, its browser takes another one, in which the same must hold.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, Page

from scripts.config import matrix_toml
from scripts.config import suite as suites
from scripts.core import layout
from scripts.history.build import build_report
from scripts.history.report import Report
from scripts.views import report_files, svg
from tests.support.hostile import hostile_records
from tests.support.records import history, raised, record

FONTS: Final = ("Helvetica", "Arial", "DejaVu Sans", "Liberation Sans", "Noto Sans", "sans-serif")


def accepted() -> Report:
    """The picture of the README."""
    matrix = matrix_toml.load()
    suite = suites.named(matrix)
    return report_files.report(matrix, suite, report_files.accepted(suite))


def many() -> Report:
    """More bands than there is room for side by side, on two platforms."""
    histories = [*history("script", "AB.wABAB.wA"), *history("trace-while-caching", "AB.wABAB.wA", python="3.9")]
    return build_report([*histories, record("2.0.0", {"script": raised("no")}, platform="macos-aarch64")])


def narrow() -> Report:
    """Eight bands of long names."""
    name = "torch.jit.frontend.UnsupportedNodeError"
    failures = [raised("Cannot insert WWWWWWWWWWWWWWWW mmmmmmm", exception=f"{name}{k}") for k in range(8)]
    return build_report(
        [record(f"2.10{k}.10", {"a_long_name-of-an_observation": one}) for k, one in enumerate(failures)]
    )


def hostile() -> Report:
    """Texts in many scripts, and long words."""
    return build_report(hostile_records())


#: Each text of the picture: what it says, its extent, and the extent that it must keep to. Lines stand closer than the
#: height of some fonts, so the height of a text is that of its letters.
MEASURE: Final = """
family => [...document.querySelectorAll("text")].map(text => {
  text.style.fontFamily = family;
  const { x, width } = text.getBBox();
  const size = parseFloat(getComputedStyle(text).fontSize), y = Number(text.getAttribute("y"));
  const box = (text.parentElement.querySelector(":scope > rect") ?? document.querySelector('.page')).getBBox();
  return {
    says: text.textContent,
    at: [x, y - 0.75 * size, x + width, y + 0.25 * size],
    box: [box.x, box.y, box.x + box.width, box.y + box.height],
  };
})
"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


@pytest.mark.parametrize("family", FONTS)
@pytest.mark.parametrize("make", [accepted, many, narrow, hostile])
def test_each_text_keeps_to_its_box_and_meets_no_other(page: Page, make: Callable[[], Report], family: str) -> None:
    page.set_content(svg.render(make()))
    texts = page.evaluate(MEASURE, family)
    assert texts
    for text in texts:
        (left, top, right, bottom), box = text["at"], text["box"]
        assert box[0] <= left, text
        assert box[1] <= top, text
        assert right <= box[2], text
        assert bottom <= box[3], text
    for number, one in enumerate(texts):
        for other in texts[number + 1 :]:
            assert not meet(one["at"], other["at"]), (one, other)


def meet(one: list[float], other: list[float]) -> bool:
    """Whether two extents have a common area."""
    return all(one[axis] < other[axis + 2] and other[axis] < one[axis + 2] for axis in (0, 1))


@pytest.mark.parametrize("family", FONTS)
@pytest.mark.parametrize("weight", [400, 600, 700])
def test_no_character_is_wider_than_its_bound(page: Page, family: str, weight: int) -> None:
    characters = string.printable[:95] + "–·…✓✗≠"
    page.set_content("<canvas></canvas>")
    widths = page.evaluate(
        """([font, characters]) => {
          const context = document.querySelector("canvas").getContext("2d");
          context.font = font;
          return characters.map(one => context.measureText(one).width);
        }""",
        [f"{weight} 1000px '{family}', sans-serif", list(characters)],
    )
    bounds = [layout.text_width(one, 1000, bold=weight > 400) for one in characters]
    assert [
        (one, width, bound) for one, width, bound in zip(characters, widths, bounds, strict=True) if width > bound + 1
    ] == []
