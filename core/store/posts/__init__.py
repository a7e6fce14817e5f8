"""Posts wanted and written on each site: claims, requeueing, attempts, status."""
