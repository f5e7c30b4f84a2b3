"""In: sections of text, tables and images. Out: HTML documents in one file that load nothing.

Must not know: what a report is about.
"""
