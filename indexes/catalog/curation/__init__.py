"""In: changes that a person makes to items. Out: rows, one transaction for each change.

Names, tags, favourites and the trash. Must not know files, encoders or HTTP.
"""
