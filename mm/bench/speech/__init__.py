"""In: recordings of packages, looped. Out: memory and speed of a speech recognizer over hours.

Must not know: how words are judged; `mm eval speech` does that.
"""
