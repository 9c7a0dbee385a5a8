"""Fakes and contract suites for authors of extensions."""
