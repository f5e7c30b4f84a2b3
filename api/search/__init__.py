"""In: a search request, as JSON or a form with files. Out: the response with its hits.
Its files are decoded in the sandbox, its components encoded, its hits joined with their items.
Must not know: the index, the catalog's tables, HTTP routing.
"""
