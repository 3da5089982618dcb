"""Load by Locust: the file that its processes run. It needs the extra `load`, and nothing of this package imports it."""
