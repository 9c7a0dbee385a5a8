"""Files, databases and the event log become facts and attributes; rejects keep their reason."""
