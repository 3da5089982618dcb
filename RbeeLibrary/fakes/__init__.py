"""The programs that stand in for rbee's own: queen, hive and worker. They run without Robot Framework."""
