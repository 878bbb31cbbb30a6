"""Etsy's own OpenAPI file, where there is one, and what a request has in it that is not in the file.

The file is no part of the project (see the issue of the Etsy sync): it lies beside it on a developer's machine, or
where ETSY_OPENAPI_FILE says. Checks against it are an addition to the stand-in's rules, which are always in force.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from awin_medusa_pipeline.sandbox.etsy.requests import APPLICATION_JSON
from awin_medusa_pipeline.sandbox.etsy.state import Call
from awin_medusa_pipeline.settings import PROJECT_ROOT

FILE = Path(os.environ.get("ETSY_OPENAPI_FILE") or PROJECT_ROOT.parent / "shared" / "etsy" / "openapi-subset.json")
MISSING = "Etsy's OpenAPI file is not here (ETSY_OPENAPI_FILE names it)"


@cache
def operations() -> dict[str, dict[str, Any]]:
    """Etsy's operations by name, each with its `method` and `path`; empty without the file."""
    if not FILE.exists():
        return {}
    paths = json.loads(FILE.read_text())["paths"]
    return {
        operation["operationId"]: operation | {"method": method.upper(), "path": path}
        for path, methods in paths.items()
        for method, operation in methods.items()
        if "operationId" in operation
    }


def request_problems(call: Call) -> list[str]:
    """What is in a call of the stand-in's log and not in Etsy's file; nothing for operations that the file lacks."""
    operation = operations().get(call.operation)
    if operation is None:
        return []
    query = {
        parameter["name"]: parameter for parameter in operation.get("parameters", []) if parameter["in"] == "query"
    }
    missing = [name for name, parameter in query.items() if parameter.get("required")]
    schemas = {name: parameter["schema"] for name, parameter in query.items()}
    problems = _texts("query", call.query, schemas, missing) + [f"{name}: given twice" for name in call.repeated]
    content = operation.get("requestBody", {}).get("content", {})
    if not content:
        return problems + ([f"a body of {call.content_type}"] if call.body else [])
    if call.content_type not in content:
        return [*problems, f"body: {call.content_type or 'none'} instead of {', '.join(content)}"]
    schema = content[call.content_type]["schema"]
    if call.content_type == APPLICATION_JSON:
        found = Draft202012Validator(translated(schema)).iter_errors(call.body)
        return problems + [f"body {error.json_path}: {error.message}" for error in found]
    return problems + _texts("body", call.body, schema.get("properties", {}), schema.get("required", []))


def answer_problems(operation_name: str, answer: Any) -> list[str]:
    """Where an answer of success has another form than in the file, or fields that Etsy's does not have."""
    operation = operations()[operation_name]
    success = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
    schema = success.get("content", {}).get(APPLICATION_JSON, {}).get("schema", {})
    components = translated(json.loads(FILE.read_text())["components"])
    validator = Draft202012Validator(translated(schema) | {"components": components})
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(answer)]


def translated(schema: Any) -> Any:
    """OpenAPI 3.0 -> JSON Schema: `nullable` as a type; objects have the named properties and no others."""
    if isinstance(schema, list):
        return [translated(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: translated(part) for name, part in schema.items() if name not in ("nullable", "format")}
    if schema.get("properties") and schema.get("type") == "object":
        found.setdefault("additionalProperties", False)
    return {"anyOf": [found, {"type": "null"}]} if schema.get("nullable") else found


def _texts(where: str, pairs: Any, schemas: dict[str, Any], required: list[str]) -> list[str]:
    """Problems of names and values that are sent as text."""
    sent = {pair[0]: pair for pair in pairs}
    problems = [f"{where} lacks {name}" for name in required if name not in sent]
    for name, pair in sent.items():
        if name not in schemas:
            problems.append(f"{where} has {name}, which Etsy does not know")
        elif len(pair) == 2:
            validator = Draft202012Validator(translated(schemas[name]))
            found = _value(pair[1], schemas[name])
            problems += [f"{where} {name}: {error.message}" for error in validator.iter_errors(found)]
        elif schemas[name].get("format") != "binary":
            problems.append(f"{where} {name}: a file")
    return problems


def _value(text: str, schema: dict[str, Any]) -> Any:
    """A text as what the schema says it is; itself where it is not."""
    match schema.get("type"):
        case "array":
            return [_value(part, schema["items"]) for part in text.split(",")] if text else []
        case "boolean" if text in ("true", "false"):
            return text == "true"
        case "integer" | "number":
            try:
                return int(text) if schema["type"] == "integer" else float(text)
            except ValueError:
                return text
    return text
