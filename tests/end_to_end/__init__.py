"""The whole way: from Zoom's signed request to the page that a visitor gets."""
