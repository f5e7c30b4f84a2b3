"""In: the size and rate of a video. Out: delays from the last frame of a part to its verdict.

The conveyor is rendered, the inspector is fitted on rendered good parts. Must not know: how a line
finds parts and decides.
"""
