"""The application without its HTTP server: Zoom's protocol, meetings, the database, WordPress and the mirror."""

__version__ = "0.2.0"
