"""Sign-in: pages, the session cookie, and throttling of failed attempts."""
