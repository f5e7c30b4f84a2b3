"""In: parsed requests. Out: responses; one module per resource.
A route reads its input, calls the components of `api.service.Service`, and responds.
Must not know: SQL, decoding, vectors. It keeps no state after a request.
"""
