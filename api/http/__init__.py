"""In: HTTP bodies and headers. Out: JSON, forms and files; responses with ranges, events, errors.
Every body is read within a limit.
Must not know: routes, media, search.
"""
