"""Use cases, one module per family of verbs."""
