"""The domain: Zoom's protocol, meetings, the store, WordPress and the mirror. No web framework in it."""

__version__ = "0.1.0"
