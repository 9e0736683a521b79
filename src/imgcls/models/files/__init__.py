"""Networks that are files: what is read from them, what they take and what they return."""
