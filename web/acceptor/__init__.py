"""Acceptors: processes that speak HTTP for the bridge and hold no secret and no database.

A request comes in at the public socket (`accept_loop`) of an acceptor (`worker`). It crosses a channel (`channel`) to
the bridge's process as an `InboundRequest`, in a batch with others: Zoom's events are verified and stored there by the
dispatcher, all other requests are answered by the application (`channel_server`, `app_requests`). The
`InboundResponse` comes back over the same channel. So two interpreters share the work, while one process alone has
the database open. `supervisor` starts acceptors and replaces those that die.
"""
