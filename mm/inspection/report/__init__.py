"""In: records, and what opens their images and heat maps. Out: one HTML file that loads nothing.

Must not know: where records, images, heat maps and marks are stored.
"""
