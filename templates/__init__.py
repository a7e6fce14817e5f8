"""Jinja templates: pages, and what is shown of a meeting. A package, so that `importlib.resources` finds them."""
