"""The contract as files: XSD 1.0 schemas and WSDLs that the hub serves. No code; `hub.schema.schema` compiles them."""

from pathlib import Path

FOLDER = Path(__file__).parent
