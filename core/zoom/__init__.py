"""What Zoom says: envelopes, signatures, validation. Pure but for `rest`."""
