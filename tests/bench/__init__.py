"""The benchmark: the project beside plain noxfiles and pip, on the same cells."""
