"""Writes docs/result.schema.json, the JSON Schema of the result document, from the records.

python scripts/result_schema.py
"""

from pathlib import Path

from imgcls import documents
from imgcls.reporting import schema

FILE = Path(__file__).parents[1] / "docs" / "result.schema.json"

if __name__ == "__main__":
    documents.write_text(FILE, schema.text())
    print(f"written: {FILE}")
