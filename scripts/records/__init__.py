"""Records: their model and files, normalised messages, signatures, fingerprints, drift and merging."""
