"""In: every request and response. Out: the same, with id, log line, metrics and security headers,
and the client address behind trusted proxies; requests of foreign origins are refused.
Must not know: routes, keys, media.
"""
