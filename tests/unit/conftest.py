"""Settings of the property tests."""

from __future__ import annotations

from hypothesis import settings

# Timings are benchmarks: a busy machine is no reason for a test to fail.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
