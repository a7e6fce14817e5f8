"""Processes that speak HTTP for the bridge, and know nothing else: no secret, no database.

An acceptor takes Zoom's events from the public socket and hands them, in groups, over a line to the bridge's
process, which decides and keeps. All other addresses are passed on over the same line. So two interpreters share
the work, while one process alone has the database open.
"""
