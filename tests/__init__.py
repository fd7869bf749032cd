"""The tests: unit/ needs nothing, all else runs against a real PostgreSQL server (see conftest.py)."""
