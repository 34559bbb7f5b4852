"""The verdict on a candidate."""
