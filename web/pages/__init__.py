"""The pages: handlers and view models."""
