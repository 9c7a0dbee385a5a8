"""What a definition is: YAML in and out, validation, versions and lineage."""
