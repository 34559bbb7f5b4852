"""The history of files inside wheels, and what of it explains a change."""
