"""The command line's API to a running server.

SQLite is for one process, so while `serve` runs, the other commands have it execute their operations; without it, they
execute them in their own process. `api` declares each operation with the types of its request and result, `operations`
and its neighbours implement them, `handler` and `client` are the two ends of the connection.
"""
