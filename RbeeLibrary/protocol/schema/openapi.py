"""OpenAPI 3.1 descriptions, generated from the routes and messages of this package."""

from __future__ import annotations

import re
from typing import Any

from ..error_codes import ERRORS
from ..sse import CONTENT_TYPE
from .answers import ErrorObject
from .conformity import ANYWHERE, error_statuses
from .fields import MAX_INTEGER, FieldRule, rules_of
from .routes import SERVICES, Answer, Events, Raw, Route

_TITLES = {"queen": "queen-rbee", "hive": "rbee-hive", "worker": "llm-worker-rbee", "hub": "model hub"}
_TYPES = {str: "string", int: "integer", bool: "boolean", list: "array", dict: "object", (int, float): "number"}


def document(service: str, version: str) -> dict[str, Any]:
    """The OpenAPI document of a service.

    Args:
        service: queen, hive, worker or hub.
        version: version of the program.
    """
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    for route in SERVICES[service]:
        for path in route.paths:
            paths.setdefault(path, {})[route.method.lower()] = _operation(route, path, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": _TITLES[service], "version": version, "description": "Section numbers are those of resources/contract.md."},
        "paths": paths,
        "components": {"schemas": dict(sorted(schemas.items())), "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(route: Route, path: str, schemas: dict[str, Any]) -> dict[str, Any]:
    name = re.sub(r"\W+", "_", f"{route.method.lower()}{path}").strip("_")
    operation: dict[str, Any] = {"operationId": name, "summary": route.does, "description": f"Contract {route.section}."}
    parameters = [{"name": part, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}} for part in re.findall(r"{(\w+)}", path)]
    if route.query is not None:
        parameters += [{"name": name, "in": "query", "required": required, "schema": _schema(rule, schemas)} for name, rule, required in rules_of(route.query)]
    if parameters:
        operation["parameters"] = parameters
    if route.takes is not None:
        required = any(required for _, _, required in rules_of(route.takes))
        operation["requestBody"] = {"required": required, "content": {"application/json": {"schema": _reference(route.takes, schemas, is_request=True)}}}
    operation["responses"] = _responses(route, schemas)
    operation["security"] = [{"key": []}, {}] if route.protected else [{}]
    return operation


def _responses(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    responses = {}
    for status, described in route.answers.items():
        content: dict[str, Any] = {}
        for option in described if isinstance(described, tuple) else (described,):
            content.update(_content(option, schemas))
        responses[str(status)] = {"description": "Success.", **({"content": content} if content else {})}
    codes: dict[int, list[str]] = {}
    for code in (*ERRORS,) if route.relays else (*ANYWHERE, *route.errors):
        if code != "INVALID_API_KEY" or route.protected:
            for status in error_statuses(route, code):
                codes.setdefault(status, []).append(code)
    for status, several in sorted(codes.items()):
        responses[str(status)] = {
            "description": " or ".join(dict.fromkeys(several)),
            "content": {"application/json": {"schema": _envelope(route, several, schemas)}},
        }
    return responses


def _content(option: Answer, schemas: dict[str, Any]) -> dict[str, Any]:
    if isinstance(option, Events):
        kinds = [_reference(kind, schemas) for kind in option.kinds]
        return {CONTENT_TYPE: {"x-event-schema": {"oneOf": kinds}, "x-last-event": "[DONE]"}}
    if isinstance(option, Raw):
        if option.empty:
            return {}
        return {option.content_type: {"schema": {"type": "object"} if option.content_type == "application/json" else {"type": "string"}}}
    return {"application/json": {"schema": _reference(option, schemas)}}


def _envelope(route: Route, codes: list[str], schemas: dict[str, Any]) -> dict[str, Any]:
    error = {"allOf": [_reference(ErrorObject, schemas), {"properties": {"code": {"enum": list(dict.fromkeys(codes))}}}]}
    return {"type": "object", "required": ["error"], "properties": {"error": error, **{name: {} for name in route.beside}}, "additionalProperties": False}


def _reference(kind: type, schemas: dict[str, Any], *, is_request: bool = False) -> dict[str, Any]:
    """Reference to the schema of a message. Requests may have unknown fields (1.3), responses may not."""
    name = kind.__name__
    if name not in schemas:
        schemas[name] = {}
        properties: dict[str, Any] = {}
        required = []
        for field, rule, needed in rules_of(kind):
            properties[field] = _schema(rule, schemas, may_be_null=rule.nullable or (is_request and not needed and _default_is_none(kind, field)))
            properties.update({alias: properties[field] for alias in rule.aliases if is_request})
            if needed and not (is_request and rule.aliases):
                required.append(field)
        schema: dict[str, Any] = {"type": "object", "description": (kind.__doc__ or name).strip(), "properties": properties}
        if required:
            schema["required"] = required
        if is_request:
            either = [{"anyOf": [{"required": [one]} for one in (field, *rule.aliases)]} for field, rule, needed in rules_of(kind) if needed and rule.aliases]
            if either:
                schema["allOf"] = either
        else:
            schema["additionalProperties"] = False
        schemas[name] = schema
    return {"$ref": f"#/components/schemas/{name}"}


def _default_is_none(kind: type, field: str) -> bool:
    return getattr(kind, field, ...) is None


def _schema(rule: FieldRule, schemas: dict[str, Any], *, may_be_null: bool = False) -> dict[str, Any]:
    if rule.kind is object:
        return {}
    if rule.of is not None:
        schema = _reference(rule.of, schemas)
        return {"oneOf": [schema, {"type": "null"}]} if may_be_null else schema
    kind = _TYPES[rule.kind]
    schema = {"type": [kind, "null"] if may_be_null else kind}
    if rule.items is not None:
        schema["items"] = _schema(rule.items, schemas)
    names = {"string": ("minLength", "maxLength"), "array": ("minItems", "maxItems")}.get(kind, ("minimum", "maximum"))
    for name, limit in zip(names, (rule.low, rule.high), strict=True):
        if limit is not None and abs(limit) <= MAX_INTEGER:
            schema[name] = limit
    if rule.pattern is not None:
        schema["pattern"] = f"^(?:{rule.pattern})$"
    if rule.choices:
        schema["enum"] = [*rule.choices, None] if may_be_null else list(rule.choices)
    return schema
