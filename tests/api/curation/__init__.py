"""Edits of items over HTTP."""
