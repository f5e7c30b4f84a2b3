"""In: verdicts, one at a time. Out: a webhook, a CSV file, an MQTT topic, variables of OPC UA.

A sink accepts, refuses for good, or fails for now. Must not know: the journal, frames, inspectors.
"""
