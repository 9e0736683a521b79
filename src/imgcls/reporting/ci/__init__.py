"""A run where CI shows it: GitHub's summary, annotations and comment, GitLab's code quality, properties of JUnit."""
