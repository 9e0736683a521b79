"""What people ask about a run, each question as a table."""
