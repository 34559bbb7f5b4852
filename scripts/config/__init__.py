"""``matrix.toml``: its model, checks and edits, and the cells it defines."""
