"""The self-test of a site: a test event followed to its page and back."""
