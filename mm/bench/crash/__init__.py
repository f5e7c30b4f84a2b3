"""In: a running system whose processes may be killed, and a seed. Out: what broke a promise, which
should be nothing.

As Jepsen does it: a workload whose every operation goes into a history, a nemesis that kills at
seeded moments, a checker that compares the history with what is there afterwards. An upload is
acknowledged by its 2xx answer, a delete by its 204, an item as searchable by its job's state
`done`. Must not know how processes are started, nor SQL.
"""
