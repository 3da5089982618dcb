"""The programs of a session: named, started, stopped, looked at."""
