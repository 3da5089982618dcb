"""What a .robot file can say, one topic per file."""
