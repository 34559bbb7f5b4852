"""``matrix.toml`` and what its values may be."""
