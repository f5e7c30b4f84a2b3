"""In: a file with a spoken question. Out: its words. Must not know: how a question is answered."""
