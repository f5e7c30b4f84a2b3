"""In: HTTP requests. Out: bodies of `mm.schemas`, problem details, events, files, the page.
It calls `mm`, `indexes` and the dispatcher of `workers`.
Must not know: how media is decoded, vectors are searched, or work is scheduled.
"""
