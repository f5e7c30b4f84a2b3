"""In: records, and what opens their images and heat maps. Out: names and bytes of files.

Must not know: where records, images and heat maps are stored.
"""
