"""The wanted and the written posts of each site: claims, requeueing, attempts, status."""
