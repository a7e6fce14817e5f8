"""Zoom's endpoints: their handlers, and the dispatcher that decides the responses."""
