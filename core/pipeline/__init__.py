"""The way of an event from Zoom to WordPress: ingest, fold worker, mirror worker; also retention and replay."""
