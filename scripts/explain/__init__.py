"""Evidence for changes, from the files inside wheels."""
