"""Zoom's endpoints: requests, batching and answers."""
