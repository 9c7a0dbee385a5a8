"""Model definitions, training sets, registry and scoring."""
