"""Fixtures that the tests of the index and of the workers have, here too."""

from tests.indexes.conftest import clock, database_url, postgres, settings, store

__all__ = ["clock", "database_url", "postgres", "settings", "store"]
