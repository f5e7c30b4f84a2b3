"""In: images of good boards or prints. Out: an inspector that compares images with them by pixels.

Must not know of networks, banks or commands.
"""
