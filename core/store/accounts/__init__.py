"""Connected Zoom accounts: credentials, users, meetings, reconcile findings."""
