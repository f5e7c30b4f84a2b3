"""In: a running system whose processes can be killed, and a seed. Out: violated guarantees.

Like Jepsen: a workload records every operation in a history, a nemesis kills processes at seeded
times, and a checker compares the history with the state afterwards. An upload is acknowledged by
its 2xx response, a delete by its 204, an item as searchable by its job's state `done`.
Must not know: how processes are started, SQL.
"""
