"""Keywords of the library, one topic per file."""
