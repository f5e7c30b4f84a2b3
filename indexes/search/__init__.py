"""In: a calibrated query, filters, and the index of a space. Out: ranked hits with their evidence.

Must not know how queries are encoded, how items are decoded, or HTTP.
"""
