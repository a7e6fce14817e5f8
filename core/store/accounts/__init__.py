"""Connected Zoom accounts: credentials, users, meetings, findings of jobs, removals."""
