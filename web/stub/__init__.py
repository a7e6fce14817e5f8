"""The API for the WordPress plugin: authentication, calendar, the plugin's zip."""
