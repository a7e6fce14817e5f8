"""Whatever happens in whatever order, the site ends up showing what Zoom holds."""
