"""Fixtures shared with the tests of the index."""

from tests.indexes.conftest import clock, database_url, postgres, settings, store

__all__ = ["clock", "database_url", "postgres", "settings", "store"]
