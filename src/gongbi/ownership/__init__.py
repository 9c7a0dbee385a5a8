"""Who owns a workspace, and how other processes work in it through the owner (docs/decisions/0002)."""
