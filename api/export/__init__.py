"""In: hits of a search, or entries of an album. Out: files with them, CSV, JSON or a contact sheet.

Must not know HTTP, nor how hits are found.
"""
