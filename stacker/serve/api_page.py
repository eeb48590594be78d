"""The page that tells how the server is asked, made of its OpenAPI description: no script, nothing from outside."""

import json
from pathlib import Path
from typing import Any

TEMPLATES = Path(__file__).with_name("templates")


def api_page(openapi: dict[str, Any]) -> str:
    """Return the page, as HTML.

    Parameters
    ----------
    openapi : dict
        OpenAPI 3.1, as FastAPI makes it.
    """
    from stacker.evaluate.html_templates import environment

    schemas = openapi["components"]["schemas"]
    addresses = []
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            taken = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            given = operation["responses"]["200"]["content"]["application/json"]["schema"]
            addresses.append(
                {
                    "method": method.upper(),
                    "path": path,
                    "summary": operation["summary"],
                    "takes": [] if taken is None else _fields(taken, schemas),
                    "gives": _fields(given, schemas),
                    "example": None if taken is None else json.dumps(_example(taken, schemas), indent=2),
                    "errors": [
                        (status, found["description"])
                        for status, found in operation["responses"].items()
                        if status != "200"
                    ],
                }
            )
    template = environment(TEMPLATES).get_template("api.html")
    return template.render(info=openapi["info"], addresses=addresses, style=(TEMPLATES / "api.css").read_text("utf-8"))


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = schemas[name] if name else schema
    return found


def _fields(schema: dict[str, Any], schemas: dict[str, Any], inside: str = "") -> list[dict[str, Any]]:
    """Return the fields of an object, those of objects inside it after their own."""
    found = []
    schema = _resolved(schema, schemas)
    for name, own in schema.get("properties", {}).items():
        nested = _resolved(own.get("items", own), schemas)
        required = name in schema.get("required", ())
        kind = _kind(own, schemas)
        described = own.get("description") or nested.get("description", "")
        found.append({"name": inside + name, "kind": kind, "required": required, "text": described})
        if "properties" in nested:
            mark = "[]." if "items" in own else "."
            found += _fields(nested, schemas, inside + name + mark)
    return found


def _kind(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_kind(each, schemas) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    found = _resolved(schema, schemas)
    if found.get("type") == "array":
        inner = _kind(found["items"], schemas)
        return f"list, each {inner}" if " or " in inner else f"list of {inner}s"
    named = {
        "string": "text",
        "object": "object",
        "number": "number",
        "integer": "whole number",
        "null": "null",
        "boolean": "true or false",
    }
    return named.get(found.get("type", ""), "value")


def _example(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    found = _resolved(schema, schemas)
    if "examples" in found:
        return found["examples"][0]
    return {
        name: [_example(own["items"], schemas)] if "items" in own else own.get("default")
        for name, own in found.get("properties", {}).items()
    }
