"""Campaigns: who is reached with what, and who is held out."""
