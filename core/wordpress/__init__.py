"""One WordPress site: its REST API, the signed sync protocol with the plugin, and what their failures mean."""
