"""Charts of the report: frozen values to SVG or PNG, the same bytes each time."""
