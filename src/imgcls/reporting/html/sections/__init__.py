"""What each section of a report shows, as plain values for its template."""
