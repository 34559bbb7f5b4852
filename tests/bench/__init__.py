"""The benchmark: this project and plain noxfiles, on the same cells."""
