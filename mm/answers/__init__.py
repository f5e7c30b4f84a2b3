"""In: a question, earlier rounds, and moments that a search retrieved. Out: a prompt of bounded
length, and an answer in sentences whose citations are checked against these moments.
Must not know: SQL, HTTP, how moments are found, which network generates the text.
"""
