"""In: inspectors, their examples, runs and results. Out: their rows, changed in transactions.

Must not know: how images are inspected, where files of versions and heat maps are.
"""
