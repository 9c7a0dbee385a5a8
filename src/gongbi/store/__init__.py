"""The operational store: definitions with their versions, runs, audit and users."""
