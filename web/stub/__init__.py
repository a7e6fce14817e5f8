"""The API for the WordPress plugin: signed requests, the calendar, and the plugin itself as a zip."""
