"""Pure: render a meeting's post and iCalendar feed from the meeting, the site's rules and the time."""

from __future__ import annotations

from core.render.post import Post, Presence, SiteRules, render

__all__ = ["Post", "Presence", "SiteRules", "render"]
