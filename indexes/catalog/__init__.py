"""In: rows of items, jobs and segments. Out: transactions over SQLite or PostgreSQL.

Must not know files, vectors, how media is encoded, or how messages are delivered.
"""
