"""Models: their references, and the headers of their files."""
