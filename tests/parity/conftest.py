"""Keeps pytest away from the scripts: they need the libraries, in their own environment."""

collect_ignore_glob = ["*.py", "*/*.py"]
