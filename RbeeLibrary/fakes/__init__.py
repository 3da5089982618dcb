"""The programs that stand in for rbee's own and for what they talk to. They run without Robot Framework."""
