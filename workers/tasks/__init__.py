"""In: a leased row of the catalog. Out: shards and rows, written once however often a task runs.

One file a task: it reads a row, calls `mm`, writes a row. Must not know HTTP or Celery.
"""
