"""The line of a longer message that says what failed, and the option that would mend it. Pure."""

from __future__ import annotations

import re
from typing import Final

#: Packages whose modules have another name.
_PACKAGES: Final = {
    "PIL": "pillow",
    "attr": "attrs",
    "cv2": "opencv-python-headless",
    "distutils": "setuptools",
    "pkg_resources": "setuptools",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
#: Packages of common pytest fixtures.
_FIXTURES: Final = {
    "benchmark": "pytest-benchmark",
    "mocker": "pytest-mock",
    "httpserver": "pytest-httpserver",
    "subtests": "pytest-subtests",
}
_MISSING_MODULE: Final = re.compile(r"No module named '([A-Za-z_]\w*)[\w.]*'")
_MISSING_FIXTURE: Final = re.compile(r"fixture '(\w+)' not found")
_NUMPY_2: Final = re.compile(r"compiled using NumPy 1\.x cannot be run in")
#: An exception in pytest's output.
_EXCEPTION: Final = re.compile(r"^(?:E\s+)?(?:[\w.]+\.)?(\w*(?:Error|Exception|Warning)): (.+)$", re.MULTILINE)


def essence(message: str) -> str:
    """Return the exception that ends a longer output, such as pytest's, or else the message itself."""
    if "\n" not in message.strip():
        return _without_type(message)
    exceptions = list(_EXCEPTION.finditer(message))
    return _without_type(re.sub(r"^E\s+", "", exceptions[-1][0])) if exceptions else message


def _without_type(text: str) -> str:
    return re.sub(r"^(?:\w+\.)*(?:ModuleNotFoundError|ImportError): (?=No module named)", "", text)


def hint(message: str) -> str | None:
    """Return the option that would mend a failure, or None."""
    if found := _MISSING_MODULE.search(message):
        module = found[1]
        return None if module in {"torch", "tests"} else f"--require {_PACKAGES.get(module, module.replace('_', '-'))}"
    if (found := _MISSING_FIXTURE.search(message)) and found[1] in _FIXTURES:
        return f"--require {_FIXTURES[found[1]]}"
    return "--require 'numpy<2'" if _NUMPY_2.search(message) else None
