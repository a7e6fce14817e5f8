"""The endpoints for Zoom's webhooks: their handlers, and the dispatcher that decides on the responses."""
