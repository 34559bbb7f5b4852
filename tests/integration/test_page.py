"""The HTML report in a real browser: its features, and that hostile records cannot do anything in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from scripts.core.paths import SuitePaths
from scripts.history.build import build_report
from scripts.history.report import Evidence, Hunk, Report
from scripts.records.model import Frame, Record
from scripts.records.store import Store
from scripts.views import html
from tests.support.browser import MonitoredPage
from tests.support.hostile import FLAG, TEXTS, hostile_records
from tests.support.library import PASSED, library_records
from tests.support.records import blocked, fresh, generated_records, raised, record, returned, unavailable

Open = Callable[..., MonitoredPage]

GENERATOR = "GeneratorExp aren't supported"
SCRIPTING = "Parametrization is not working with scripting."
DEPRECATED = ("builtins.FutureWarning", "`torch.jit.script` is deprecated.")


def small() -> list[Record]:
    """Return records of five releases, two Pythons, two builds and two platforms.

    Scripting changes at 1.13.0 and warns from 2.1.0 on.
    """
    frames = (Frame(file="torch/jit/_script.py", line=12, function="script"),)
    old = {"trace": returned(), "script": raised(GENERATOR, frames=frames), "scripted-call": blocked("script")}
    new = {
        "trace": returned(),
        "script": returned(),
        "scripted-call": raised(SCRIPTING, exception="torch.jit.Error", phase="calling"),
    }
    warned = {**new, "script": returned(DEPRECATED)}
    shown = {"1.12.0": old, "1.12.1": old, "1.13.0": new, "2.0.0": new, "2.1.0": warned}
    return [
        *(
            record(torch, observations, python=python)
            for torch, observations in shown.items()
            for python in ("3.9", "3.11")
        ),
        fresh(record("2.1.0", warned, build="cu118")),
        record("2.1.0", new, platform="macos-arm64"),
        unavailable("2.0.0", build="cu118", message="the index is unreachable"),
    ]


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Show the page of a report; after the test, it must have made no request and logged no error."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(10_000)
    watched: list[MonitoredPage] = []

    def show(report: Report | Sequence[Record]) -> MonitoredPage:
        report = report if isinstance(report, Report) else build_report(report)
        file = tmp_path / "report.html"
        file.write_text(html.render(report), encoding="utf-8")
        watched.append(MonitoredPage(context.new_page(), file))
        return watched[-1]

    yield show
    violations = [violation for page in watched for violation in page.violations]
    context.close()
    assert violations == []


def rows(page: Page) -> Locator:
    return page.locator("#grid tbody tr[aria-rowindex]")


def releases(page: Page) -> list[str]:
    """The releases of the rows, without the small print for narrow screens."""
    return page.locator("#grid tbody th").evaluate_all("cells => cells.map(cell => cell.firstChild.textContent)")  # type: ignore[no-any-return]


def cell(page: Page, row: int, name: str) -> Locator:
    return rows(page).nth(row).get_by_role("gridcell", name=re.compile(f"^{name}:"))


# --- overview --------------------------------------------------------------------------------------------------


def test_the_top_of_the_page_shows_the_current_behaviour_and_its_first_release(show: Open) -> None:
    page = show(small()).open()
    expect(page.locator("#current .bad").first).to_contain_text(
        f"scripted-call torch.jit.Error '{SCRIPTING}' when calling, since 1.13.0"
    )
    assert page.locator("#current").bounding_box()["y"] < 300  # type: ignore[index]


def test_change_points_are_sentences_with_links(show: Open) -> None:
    page = show(small()).open()
    step = page.locator("#steps > li").filter(has=page.get_by_role("heading", name="1.12.1 → 1.13.0"))
    expect(step).to_contain_text(f"script: RuntimeError '{GENERATOR}' when compiling → returned")
    expect(step).to_contain_text("on all 2 builds and Pythons")
    notes = step.get_by_role("link", name="release notes")
    assert notes.get_attribute("href") == "https://github.com/pytorch/pytorch/releases/tag/v1.13.0"
    commits = step.get_by_role("link", name="commits").get_attribute("href")
    assert commits
    assert commits.startswith("https://github.com/pytorch/pytorch/compare/")


def test_bands_join_releases_that_behave_alike(show: Open) -> None:
    page = show(small()).open()
    table = page.get_by_role("table", name="Releases that behave alike, linux-x86_64")
    assert table.locator("thead th").all_text_contents() == ["1.12.0 – 1.12.1", "1.13.0 – 2.0.0", "2.1.0"]
    expect(table.locator("tr", has_text="trace").first.locator("td")).to_have_attribute("colspan", "3")
    table.get_by_role("button", name=re.compile(r"GeneratorExp")).first.click()
    expect(page.get_by_role("dialog")).to_contain_text("script in 1.12.0")


def test_findings_are_listed(show: Open) -> None:
    page = show(small()).open()
    expect(page.locator("#findings")).to_contain_text(
        "2.0.0-cu118-py3.11 on linux-x86_64: unavailable (resolve): no-wheel: the index is unreachable"
    )


def test_evidence_is_folded_and_opens(show: Open) -> None:
    report = build_report(small())
    hunk = Hunk(file="torch/nn/utils/parametrize.py", line=350, text=SCRIPTING, diff="@@ -1 +1 @@\n-a\n+<b>new</b>")
    evidence = Evidence(summary="one file of torch changed", hunks=(hunk,), files=(hunk.file,), compare="javascript:1")
    changes = tuple(change.model_copy(update={"evidence": evidence}) for change in report.changes)
    page = show(report.model_copy(update={"changes": changes})).open()
    details = page.locator(".evidence").first
    expect(details.locator("figure")).to_be_hidden()
    details.locator("summary").click()
    expect(details.locator(".diff .plus")).to_have_text("+<b>new</b>\n")
    assert page.locator(".evidence a").count() == 0


# --- filters ----------------------------------------------------------------------------------------------------


def choose(page: Page, key: str, *names: str) -> None:
    page.locator(f"#filter-{key} summary").click()
    for name in names:
        page.locator(f"#filter-{key}").get_by_label(name, exact=True).check()
    page.keyboard.press("Escape")
    expect(page.locator(f"#filter-{key}")).not_to_have_attribute("open", "")


def test_filters_by_python_build_platform_and_release(show: Open) -> None:
    page = show(small()).open()
    expect(rows(page)).to_have_count(12)
    choose(page, "python", "3.9")
    assert releases(page) == ["1.12.0", "1.12.1", "1.13.0", "2.0.0", "2.1.0"]
    page.locator("#filter-from").select_option("1.12.1")
    page.locator("#filter-to").select_option("2.0.0")
    assert releases(page) == ["1.12.1", "1.13.0", "2.0.0"]
    page.get_by_role("button", name="Reset").click()
    expect(rows(page)).to_have_count(12)
    choose(page, "build", "cu118")
    assert releases(page) == ["2.1.0"]
    expect(page.locator("#filter-build summary b")).to_have_text("cu118")
    page.get_by_role("button", name="Reset").click()
    choose(page, "platform", "macos-arm64")
    assert releases(page) == ["2.1.0"]
    expect(page.get_by_role("status")).to_have_text("1 of 12 cells")
    choose(page, "build", "cu118")
    expect(page.locator("#grid")).to_contain_text("No cell matches the filters.")


def test_filter_by_observation(show: Open) -> None:
    page = show(small()).open()
    choose(page, "seen", "script")
    headings = page.locator("#grid thead th").all_text_contents()
    assert headings == ["release", "build", "Python", "platform", "script"]


def test_only_changes_merges_equal_neighbouring_rows(show: Open) -> None:
    page = show(small()).open()
    page.get_by_label("only changes").check()
    assert releases(page) == ["1.12.0 – 1.12.1", "1.13.0 – 2.0.0", "2.1.0", "2.1.0", "2.1.0"][: len(releases(page))]
    assert releases(page)[:2] == ["1.12.0 – 1.12.1", "1.13.0 – 2.0.0"]
    cell(page, 0, "script").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("4 cells alike").click()
    dialog.get_by_role("button", name="1.12.1-cpu-py3.9").click()
    expect(dialog).to_contain_text("script in 1.12.1")


def test_differences_from_the_row_above_are_marked(show: Open) -> None:
    page = show(small()).open("python=3.9")
    assert page.locator("#grid td.new").evaluate_all("cells => cells.map(cell => cell.textContent)") == [
        "✓",
        "✗B",
        "✓a",
    ]


# --- many names -------------------------------------------------------------------------------------------------


def test_many_tests_are_rows_of_what_behaves_alike_and_found_by_name(show: Open) -> None:
    page = show(list(library_records(5000, 30))).open()
    table = page.locator(".bands tbody tr")
    expect(table).to_have_count(5)
    expect(table.last).to_contain_text("4372 tests")
    expect(page.get_by_role("status")).to_contain_text("one for each row above that fails, changes or differs")
    page.get_by_label("Find a name").fill("BEHAVIOUR_124")
    expect(table).to_have_count(1)
    found = {text.rstrip(",") for text in table.first.locator(".name").all_text_contents()}
    assert found == {"test_behaviour_124", *(f"test_behaviour_{number}" for number in range(1240, 1250))}
    expect(page.locator("#grid thead th")).to_have_count(3 + len(found))
    page.get_by_label("name all").check()
    expect(table).to_have_count(len(found))
    again = page.evaluate("location.hash")
    assert again == "#find=BEHAVIOUR_124&all=1"
    rows(page).first.locator("th").click()
    expect(page.get_by_role("dialog").locator(".observations li")).to_have_count(len(found))
    page.keyboard.press("Escape")
    page.get_by_label("Find a name").fill("nowhere")
    expect(page.locator("#bands")).to_contain_text("No name matches the search.")
    page.get_by_role("button", name="Reset").click()
    expect(table).to_have_count(5)
    expect(page.get_by_label("Find a name")).to_have_value("")


@pytest.mark.parametrize("width", [1400, 390])
def test_long_names_stay_within_the_page(show: Open, width: int) -> None:
    page = show(list(library_records(40, 8))).open("all=1")
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    names = page.locator(".bands tbody th .name")
    longest = max(names.all_text_contents(), key=len)
    assert len(longest) > 300
    assert names.evaluate_all("all => all.every(one => one.scrollWidth <= one.clientWidth + 1)")


def test_a_known_defect_has_its_own_mark_and_sentence(show: Open) -> None:
    verdict = PASSED.model_copy(update={"known_defect": "saving fails as upstream expects"})
    page = show([record(f"2.{n}.0", {"a": returned()}, tests={"t.py::test_save": verdict}) for n in range(2)]).open()
    row = page.locator(".bands tbody tr", has_text="test_save")
    expect(row).to_contain_text("✓* saving fails as upstream expects")
    expect(page.locator("#current")).to_contain_text("test_save saving fails as upstream expects, since 2.0.0")
    page.locator(".legend summary").click()
    expect(page.locator("#legend")).to_contain_text("test_save: saving fails as upstream expects")
    assert cell(page, 0, "test_save").text_content() == "✓*"


# --- details of a cell ------------------------------------------------------------------------------------------


def test_the_details_of_a_cell_show_everything_recorded(show: Open) -> None:
    page = show(small()).open("python=3.9")
    cell(page, 0, "script").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="script in 1.12.0")).to_be_visible()
    for text in (
        GENERATOR,
        "builtins.RuntimeError",
        "Alike on these axes: 1.12.0 – 1.12.1.",
        "torch-1.12.0-cp39-linux-x86_64.whl",
        "numpy",
        "accepted result",
    ):
        expect(dialog).to_contain_text(text)
    expect(dialog.locator("dd", has_text=re.compile(r"^[0-9a-f]{64}$"))).to_be_visible()
    frame = dialog.get_by_role("link", name="torch/jit/_script.py:12").get_attribute("href")
    assert frame
    assert re.fullmatch(r"https://github.com/pytorch/pytorch/blob/[0-9a-f]{40}/torch/jit/_script.py#L12", frame)


def test_the_details_of_a_fresh_cell_show_its_run_and_warnings(show: Open) -> None:
    page = show(small()).open("build=cu118")
    cell(page, 0, "script").click()
    dialog = page.get_by_role("dialog")
    for text in (DEPRECATED[1], ".matrix/logs/2.1.0-cu118-py3.11.log", "install 9.3 s", "1785 MB", "recorded here"):
        expect(dialog).to_contain_text(text)


def test_the_details_lead_to_the_previous_and_next_release(show: Open) -> None:
    page = show(small()).open("python=3.9")
    cell(page, 2, "script").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="← 1.12.1").click()
    expect(dialog).to_contain_text("script in 1.12.1")
    dialog.get_by_role("button", name="1.13.0 →").click()
    expect(dialog).to_contain_text("script in 1.13.0")
    dialog.get_by_role("button", name="2.0.0 →").press("Enter")
    dialog.get_by_role("button", name="2.1.0 →").press("Enter")
    expect(dialog.get_by_role("button", name="last →")).to_be_disabled()
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()


def test_a_row_heading_opens_all_observations_of_the_cell(show: Open) -> None:
    page = show(small()).open("python=3.9")
    page.locator("#grid tbody th").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="torch 1.12.0")).to_be_visible()
    dialog.get_by_role("button", name=re.compile("script$")).first.click()
    expect(dialog).to_contain_text("script in 1.12.0")


# --- comparison -------------------------------------------------------------------------------------------------


def test_two_releases_side_by_side(show: Open) -> None:
    page = show(small()).open()
    page.locator("#compare-a").select_option("1.12.1")
    page.locator("#compare-b").select_option("1.13.0")
    table = page.locator(".compared")
    expect(table).to_have_count(1)  # both Pythons show the same
    expect(table.locator("caption")).to_have_text("cpu on Python 3.9, linux-x86_64; cpu on Python 3.11, linux-x86_64")
    assert table.locator("tbody .sign").all_text_contents() == ["=", "≠", "≠"]
    expect(table).to_contain_text(SCRIPTING)
    page.locator("#compare-differences").check()
    assert table.locator("tbody th").all_text_contents() == ["script", "scripted-call"]


def test_a_change_point_leads_to_its_comparison(show: Open) -> None:
    page = show(small()).open()
    page.locator("#steps > li").first.get_by_role("button", name="compare").click()
    expect(page.locator("#compare-a")).to_have_value("1.12.1")
    expect(page.locator("#compare-b")).to_have_value("1.13.0")
    expect(page.locator("#compare-part")).to_be_in_viewport()


def test_releases_without_common_axes_are_compared_with_a_note(show: Open) -> None:
    all_records = [record("2.0.0", {"a": returned()}, python="3.9"), record("2.1.0", {"a": returned()}, python="3.11")]
    page = show(all_records).open("a=2.0.0&b=2.1.0")
    expect(page.locator(".compared caption")).to_have_text(
        "cpu on Python 3.9 → cpu on Python 3.11, which are not the same"
    )


# --- links ------------------------------------------------------------------------------------------------------


def test_a_link_restores_the_whole_state(show: Open) -> None:
    watched = show(small())
    page = watched.open()
    choose(page, "python", "3.9")
    choose(page, "seen", "script", "trace")
    page.locator("#filter-to").select_option("2.0.0")
    page.get_by_label("only changes").check()
    page.locator("#compare-a").select_option("1.12.0")
    page.locator("#compare-b").select_option("2.1.0")
    cell(page, 1, "script").click()
    fragment = page.evaluate("location.hash").removeprefix("#")
    shown = page.locator("body").inner_text()
    again = watched.open(fragment)
    expect(again.get_by_role("dialog")).to_contain_text("script in 1.13.0")
    assert again.locator("body").inner_text() == shown
    again.keyboard.press("Escape")
    assert releases(again) == ["1.12.0 – 1.12.1", "1.13.0 – 2.0.0"]
    assert again.evaluate("location.hash").removeprefix("#") == fragment.partition("&cell=")[0] + "&changes=1"


def test_a_fragment_edited_by_hand_is_applied(show: Open) -> None:
    page = show(small()).open()
    page.evaluate("location.hash = '#python=3.9&changes=1'")
    expect(rows(page)).to_have_count(3)
    expect(page.locator("#filter-changes")).to_be_checked()


def test_a_link_from_an_older_report_ignores_unknown_values(show: Open) -> None:
    page = show(small()).open(f"python=2.7&from=0.1&cell=nowhere&at={TEXTS[0]}&a=9&nonsense=%00<b>")
    expect(rows(page)).to_have_count(12)
    expect(page.get_by_role("dialog")).to_have_count(0)


# --- keyboard, colours, print, size -----------------------------------------------------------------------------


def focused(page: Page) -> tuple[str, str]:
    data: dict[str, str] = page.evaluate("({...document.activeElement.dataset})")
    return data.get("row", ""), data.get("column", "")


def test_the_table_works_by_keyboard(show: Open) -> None:
    page = show(small()).open()
    page.locator("#filter-changes").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Reset")).to_be_focused()
    page.keyboard.press("Tab")  # the whole table is one tab stop
    assert focused(page) == ("0", "0")
    for key, position in (
        ("ArrowRight", ("0", "1")),
        ("ArrowDown", ("1", "1")),
        ("End", ("1", "3")),
        ("ArrowRight", ("1", "3")),
        ("PageDown", ("11", "3")),
        ("ArrowDown", ("11", "3")),
        ("Home", ("11", "0")),
        ("Control+Home", ("0", "0")),
        ("Control+End", ("11", "3")),
        ("ArrowUp", ("10", "3")),
        ("ArrowLeft", ("10", "2")),
    ):
        page.keyboard.press(key)
        assert focused(page) == position, key
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert focused(page) == ("10", "2")
    page.keyboard.press("Tab")
    expect(page.locator("#compare-a")).to_be_focused()


def test_tab_reaches_every_control_and_the_skip_link_leads_to_the_table(show: Open) -> None:
    page = show(small()).open("python=3.9")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the table of cells")).to_be_focused()
    page.keyboard.press("Enter")
    assert focused(page) == ("0", "0")
    expect(rows(page)).to_have_count(5)  # the state is kept


def background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_light_and_dark_mode_follow_the_system_or_the_reader_s_choice(show: Open) -> None:
    watched = show(small())
    page = watched.open()
    white, black = "rgb(255, 255, 255)", "rgb(15, 19, 24)"
    assert background(page) == white
    page.emulate_media(color_scheme="dark")
    assert background(page) == black
    button = page.locator("#theme")
    expect(button).to_have_text("Theme: auto")
    button.click()
    assert (button.text_content(), background(page)) == ("Theme: light", white)
    button.click()
    page.emulate_media(color_scheme="light")
    assert (button.text_content(), background(page)) == ("Theme: dark", black)
    page = watched.open()
    assert background(page) == black  # the choice is stored
    page.locator("#theme").click()
    assert background(page) == white


#: The contrast of an element's text with its background, as WCAG defines it.
CONTRAST = """
element => {
  const part = value => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const none = "rgba(0, 0, 0, 0)";
  let back = element;
  while (getComputedStyle(back).backgroundColor === none) back = back.parentElement ?? document.body;
  const both = [getComputedStyle(element).color, getComputedStyle(back).backgroundColor].map(light);
  return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_contrast_and_outcomes_have_marks(show: Open, scheme: str) -> None:
    page = show(small()).open()
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for selector in (".good", ".bad", ".blocked", ".kind", "a", ".muted, .sizes", "#grid thead th", "button"):
        for element in page.locator(selector).locator("visible=true").all()[:4]:
            assert element.evaluate(CONTRAST) >= 4.5, selector
    texts = page.locator("#grid tbody td[data-column]").all_text_contents()
    assert {text[0] for text in texts} == {"✓", "✗", "·"}


def test_the_printed_page_is_complete_light_and_without_controls(show: Open) -> None:
    page = show(small()).open()
    page.emulate_media(media="print", color_scheme="dark")
    assert background(page) == "rgb(255, 255, 255)"
    expect(page.locator("#filters")).to_be_hidden()
    expect(page.locator("#theme")).to_be_hidden()
    assert page.locator("#scroller").evaluate("scroller => scroller.scrollHeight <= scroller.clientHeight")


def test_a_narrow_screen_needs_no_horizontal_scrolling(show: Open) -> None:
    page = show(small()).open()
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    cell(page, 0, "script").click()
    dialog = page.get_by_role("dialog")
    assert dialog.bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 844}
    assert dialog.evaluate("one => one.scrollWidth") <= 390
    dialog.get_by_role("button", name="Close").click()
    expect(page.locator("#grid tbody th small").first).to_be_visible()


def test_the_headings_stay_visible(show: Open) -> None:
    page = show(list(generated_records(1200))).open()
    scroller = page.locator("#scroller")
    scroller.evaluate("one => one.scrollTo(40, 5000)")
    top = scroller.bounding_box()
    head = page.locator("#grid thead th").first.bounding_box()
    assert top
    assert head
    assert abs(head["y"] - top["y"]) < 3
    assert abs(head["x"] - top["x"]) < 3


# --- hostile texts ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hostile() -> Report:
    return build_report(hostile_records())


def test_hostile_texts_stay_text_everywhere(show: Open, hostile: Report) -> None:
    page = show(hostile).open("a=2.0.0&b=2.1.0")
    for summary in page.locator("details:not(.menu) > summary").all():
        summary.click()
    for column in range(len(TEXTS) + 1):
        rows(page).first.locator("td[data-column]").nth(column).click()
        page.keyboard.press("Escape")
    rows(page).first.locator("th").click()
    page.get_by_role("dialog").get_by_text("packages").click()
    assert page.evaluate(f"window.{FLAG}") is None
    assert page.locator("img, iframe, object, embed, link, base, svg, b b").count() == 0
    hrefs = page.locator("a[href]").evaluate_all("all => all.map(one => one.href)")
    assert all(href.startswith(("https://github.com/pytorch/pytorch/", "file:")) for href in hrefs)
    assert page.locator("script").count() == 2


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_a_hostile_message_is_shown_verbatim(show: Open, hostile: Report, number: int) -> None:
    page = show(hostile).open()
    rows(page).first.locator("td[data-column]").nth(number + 1).click()
    shown = page.get_by_role("dialog").locator("pre").first.text_content()
    assert shown
    plain = re.compile(r"[^\x20-\x7e]|<U\+[0-9A-F]+>")
    assert plain.sub("", shown) == plain.sub("", TEXTS[number])
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", shown)


def test_the_policy_blocks_an_injected_script(show: Open, hostile: Report) -> None:
    watched = show(hostile)
    page = watched.open()
    page.evaluate(
        f"document.body.append(Object.assign(document.createElement('script'), {{text: 'window.{FLAG} = 9'}}))"
    )
    assert page.evaluate(f"window.{FLAG}") is None
    assert any("Content Security Policy" in violation for violation in watched.violations)
    watched.violations.clear()


# --- size -------------------------------------------------------------------------------------------------------


def test_ten_thousand_cells_can_be_filtered_and_walked_through(show: Open) -> None:
    page = show(list(generated_records(10_000))).open()
    expect(page.get_by_role("status")).to_have_text("10000 of 10000 cells")
    assert page.locator("#grid tr").count() < 200  # only the visible rows are in the page
    expect(page.locator("#grid")).to_have_attribute("aria-rowcount", "10001")
    rows(page).first.locator("td[data-column]").first.focus()
    page.keyboard.press("Control+End")
    assert focused(page) == ("9999", "8")
    expect(page.locator(":focus")).to_be_in_viewport()
    page.keyboard.press("ArrowUp")
    assert focused(page) == ("9998", "8")
    page.keyboard.press("Control+Home")
    assert focused(page) == ("0", "0")
    choose(page, "python", "3.9")
    choose(page, "platform", "macos-arm64")
    expect(page.get_by_role("status")).to_have_text("360 of 10000 cells")
    page.get_by_label("only changes").check()
    expect(rows(page)).to_have_count(8)


def test_all_rows_are_printed(show: Open) -> None:
    page = show(list(generated_records(1000))).open()
    assert rows(page).count() < 200
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(rows(page)).to_have_count(1000)
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert rows(page).count() < 200


def test_the_accepted_results_have_a_page(show: Open) -> None:
    page = show(Store(SuitePaths.of("parametrization").results).read(Record)).open()
    expect(page.locator("#current")).to_contain_text(f"torch.jit.Error '{SCRIPTING}' when calling, since 1.13.0")
    expect(page.locator("#steps")).to_contain_text(
        "UnsupportedNodeError 'GeneratorExp aren't supported' when compiling → returned"
    )
    expect(page.locator(".confounded")).to_have_count(0)
