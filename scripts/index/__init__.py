"""Package indexes: settings, HTTP, listings, channels, and files inside remote wheels."""
