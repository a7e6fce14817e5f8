"""The flow of an event: ingest, fold worker, mirror worker; retention and replay."""
