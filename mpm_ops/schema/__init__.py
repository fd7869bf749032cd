"""Migrations of both trees; knows databases, not companies."""
