"""Predicates over customers: who, how many, and how they differ."""
