"""One reader per file format of recordings."""
