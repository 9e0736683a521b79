"""Why an export differs from its reference: tried, looked up, or found by walking both side by side."""
