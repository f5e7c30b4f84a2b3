"""In: a command of `mm doctor`. Out: a catalog and a folder that belong together again.

Must not know HTTP or workers.
"""
