"""The settings pages, in two shells: the bridge's own, and wp-admin's."""
