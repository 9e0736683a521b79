"""What was computed stays computed: predictions, choices and runs in one SQLite file."""
