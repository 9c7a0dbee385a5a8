"""Schedules and durable workflows; they call services."""
