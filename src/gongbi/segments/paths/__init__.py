"""What members did one after the other: funnels and paths."""
