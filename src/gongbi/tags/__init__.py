"""The tag library, in batch and live."""
