"""In: recordings with what is said in them, and recognizers. Out: word error rates by language.

Must not know: how a recognizer works, or its memory and speed; `mm bench speech` measures those.
"""
