"""Where wheels come from: indexes, their pages, and files inside remote wheels."""
