"""A report to hand in: one Markdown file with its images in a folder of their own."""
