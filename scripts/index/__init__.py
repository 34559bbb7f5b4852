"""Package indexes: the user's settings of them."""
