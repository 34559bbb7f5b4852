"""What was recorded: the format, its signatures, acceptance, drift, and merging from many machines."""
