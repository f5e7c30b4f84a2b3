"""In: a dispatcher that names a job or a chunk, and the catalog's rows. Out: shards and rows,
written once however often it rings.

Must not know HTTP. Tasks are thin: read a row, call `mm`, write a row; nothing but the catalog
remembers what is done.
"""
