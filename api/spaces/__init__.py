"""In: the space of the library in the catalog. Out: the loaded space and searcher of each query.
Switches to the target of a reindexing between two queries; starts and stops reindexing.
Must not know: HTTP, media files, workers.
"""
