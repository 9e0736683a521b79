"""Results as text: JSON documents, tables for a terminal, Markdown and CSV."""
