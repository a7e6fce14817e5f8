"""The plugin's API: signed requests, the calendar, and the plugin itself as a zip."""
