"""In: messages that a work unit is due, and the rows of the catalog. Out: shards and rows.

Must not know HTTP. All state of a job is in the catalog; a message that is lost or repeated is
harmless.
"""
