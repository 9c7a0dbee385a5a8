"""Records become customers."""
