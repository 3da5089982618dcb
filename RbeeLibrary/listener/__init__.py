"""What Robot Framework reports to the library, and what the library adds to its log."""
