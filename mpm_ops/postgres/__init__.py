"""Speaks to a PostgreSQL server; knows nothing of companies."""
