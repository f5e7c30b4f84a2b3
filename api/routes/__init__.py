"""In: requests. Out: responses, one small module a resource.
Routes read, call the parts of `api.service.Service`, and answer.
Must not know: SQL, decoding, vectors; nothing here outlives a request.
"""
