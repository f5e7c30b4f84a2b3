"""In: requests with or without a credential. Out: the client of each request, or a refusal; sign-in
and sign-out of browsers; requests that end when their key is revoked.
Must not know: routes, media, search.
"""
