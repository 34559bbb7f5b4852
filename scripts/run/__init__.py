"""One cell from lock to record, and many at once."""
