"""What happened in a test, over time: the picture in the log, the page to explore, and files for other viewers."""
