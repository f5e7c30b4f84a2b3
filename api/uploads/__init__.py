"""In: files, as request bodies, resumable uploads or folders of the server. Out: items with jobs.
Each file is stored, validated in the sandbox, committed as a blob and recorded in the catalog.
Must not know: decoding, encoding, vectors.
"""
