"""Real nox, uv and pytest against a local package index of tiny synthetic wheels."""
