"""Sign-in: pages, cookies and the throttle of failed attempts."""
