"""The HTTP server and its limits, messages between processes, a thread pool for blocking calls, caches, logs."""
