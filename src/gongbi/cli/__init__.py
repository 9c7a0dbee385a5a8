"""The command line: one door to the same rooms as the console and the Python API."""

from gongbi.cli.app import app, main

__all__ = ["app", "main"]
