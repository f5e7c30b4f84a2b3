"""In: the routes, and what FastAPI does not derive from them. Out: the OpenAPI document.
`operations` describes one operation for a route; `document` completes and serves the document.
Must not know: how a request is processed.
"""
