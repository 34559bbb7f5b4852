"""Records of a library's suite with any number of tests: most always pass, some fail, change, or are parametrized."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from scripts.records.model import FreshRecord, Reason, Record, Test
from tests.support.records import blocked, raised, record, returned, unavailable

RELEASES: Final = tuple(f"2.{minor}.0" for minor in range(75))
PYTHONS: Final = ("3.10", "3.11")
PASSED: Final = Test(outcome="passed")
MISSING: Final = (
    "ImportError while loading conftest '/suite/conftest.py'.\nconftest.py:3: in <module>\n    import setuptools\n"
    "E   ModuleNotFoundError: No module named 'setuptools'"
)
#: The parameters of a test with an id of more than 300 characters.
LONG: Final = "-".join(["momentum=0.9", "nesterov", *["weight_decay"] * 22])


def failed(message: str, exception: str = "builtins.ValueError") -> Test:
    """Return a failed test."""
    return Test(outcome="failed", exception=exception, bases=("builtins.Exception",), message=message)


def library_records(tests: int, cells: int = 24, *, observations: int = 0) -> Iterator[Record]:
    """Yield the records of a suite; of every 40 tests of a file, ten are variants of one, five of which fail."""
    for number in range(cells):
        release, python = number // len(PYTHONS), PYTHONS[number % len(PYTHONS)]
        late, odd = release >= cells // 4, python == PYTHONS[-1] and release == cells // 5
        seen = {name: _test(name, late=late, odd=odd) for name in map(name_of, range(tests))}
        made = {f"step-of-the-library-{k}": returned() for k in range(observations)}
        if observations:
            made["compile"] = raised("refuses this Python") if odd else returned()
            made |= {f"compiled-call-{k}": blocked("compile") if odd else returned() for k in range(6)}
        yield record(RELEASES[release], made, python=python, tests=seen)


def name_of(number: int) -> str:
    """Return the node id of a test."""
    file, place = divmod(number, 40)
    path = f"tests/unit/test_module_{file}.py"
    if place < 30:
        return f"{path}::test_behaviour_{number}"
    return f"{path}::TestRates::test_lr[{LONG if place == 35 else 'adam'}-{place}]"


def _test(name: str, *, late: bool, odd: bool) -> Test:
    if name.endswith(("-31]", "-33]", "-34]", "-35]", "-36]")):
        return failed("learning rate must be a float")
    if name.endswith("_behaviour_3"):
        return PASSED if late else Test(outcome="skipped", message="torch.export is missing")
    if name.endswith("_behaviour_5"):
        return failed("Expected all tensors to be on the same device") if late else PASSED
    if name.endswith("_behaviour_7") and odd:
        return failed("torch.compile refuses this Python", "builtins.RuntimeError")
    return PASSED


def without_setuptools(torch: str) -> Record | FreshRecord:
    """Return the record of a cell whose tests could not be collected."""
    reason = Reason(stage="run", kind="collection failed", message=MISSING)
    return unavailable(torch).model_copy(update={"status": "error", "reason": reason})
