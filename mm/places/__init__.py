"""In: coordinates, and names that people write. Out: the name of the place at coordinates, "City,
Region, Country", and whether it has these names.

Must not know: files, the catalog, the network.
"""
