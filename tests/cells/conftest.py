"""Every probe is recorded, and can use the fixtures `observe` and `phase`: see `recorder`."""

from __future__ import annotations

pytest_plugins = ["recorder"]
