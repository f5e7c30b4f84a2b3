"""In: a running service and the recording of a question. Out: delays from the end of speech.
Must not know: how the service recognizes and answers.
"""
