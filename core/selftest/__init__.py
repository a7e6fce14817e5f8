"""The self-test of a site: a test event, traced until its page appears and is removed again."""
