"""What would run, on how many machines, and how long it would take."""
