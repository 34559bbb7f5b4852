"""The fast path for big wheels: unpacked by the engine, linked into environments."""
