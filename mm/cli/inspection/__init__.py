"""In: files and options of `mm inspect`. Out: fitted inspectors, runs, and what is printed of them.

Must not know: how an inspector computes a score.
"""
