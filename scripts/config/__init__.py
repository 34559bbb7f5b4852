"""What is tested: ``matrix.toml``, checked, and the cells it defines."""
