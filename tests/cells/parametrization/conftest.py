"""Records every test, and provides the fixtures `observe` and `phase`: see `recorder`."""

from __future__ import annotations

pytest_plugins = ["recorder"]
