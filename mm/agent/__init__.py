"""In: a question, and a language model that calls tools. Out: steps with the results of tools.
Must not know: how the library is searched or stored; the API executes the tools.
"""
