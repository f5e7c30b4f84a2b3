"""In: changes that a person makes to the library. Out: changed rows, descriptions and evidence.

Edits, bulk changes, the trash, and names that searches follow. Must not know HTTP.
"""
