#!/usr/bin/python3
"""Holds an OpenAPI 3.1 document against the schema of such documents, and what a gateway has answered
against the document:

    check.py DOCUMENT EXCHANGES

EXCHANGES is a JSON list of { method, path, status, type, body }: path is as the document has it, body a
text. Prints a line for each thing that is wrong; exits with 1 if there is one.

schema-3.1.json is the OpenAPI Initiative's (https://spec.openapis.org/oas/3.1/schema/, Apache License
2.0), as of 2026-08-03, with $ref for $dynamicRef, as the npm package @seriousme/openapi-schema-validator
2.11.0 has it. It says nothing of the schemas within a document, which are checked one by one.
"""

import json
import os
import sys

from jsonschema import Draft202012Validator, FormatChecker, RefResolver

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
faults = []


def complain(where, what):
    faults.append(f"{where}: {what}")


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def told(error):
    return f"{error.json_path}: {error.message[:300]}"


# --- the document ---


def check_document(document):
    schema = load(os.path.join(os.path.dirname(__file__), "schema-3.1.json"))
    for error in Draft202012Validator(schema).iter_errors(document):
        complain("document", told(error))
    for where, found in schemas_in(document):
        for error in Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(found):
            complain(where, told(error))
    for where, target in references_in(document):
        if not is_there(document, target):
            complain(where, f"refers to {target}, which is not there")
    check_operations(document)
    check_use(document)


def schemas_in(value, where="#"):
    """Each schema that stands where the document has one."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "schema":
                yield f"{where}/{name}", inner
            elif name == "schemas" and where == "#/components":
                yield from ((f"{where}/{name}/{key}", found) for key, found in inner.items())
            else:
                yield from schemas_in(inner, f"{where}/{name}")
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from schemas_in(inner, f"{where}/{i}")


def references_in(value, where="#"):
    if isinstance(value, dict):
        if "$ref" in value:
            yield where, value["$ref"]
        for name, inner in value.items():
            yield from references_in(inner, f"{where}/{name}")
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from references_in(inner, f"{where}/{i}")


def is_there(document, target):
    found = document
    for name in target.removeprefix("#/").split("/"):
        found = found.get(name) if isinstance(found, dict) else None
    return found is not None


def operations_of(document):
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def check_operations(document):
    ids, tags = set(), {tag["name"] for tag in document["tags"]}
    for path, method, operation in operations_of(document):
        where = f"{method} {path}"
        if operation["operationId"] in ids:
            complain(where, "its operationId is another one's, too")
        ids.add(operation["operationId"])
        if not set(operation["tags"]) <= tags:
            complain(where, "has a tag that is not described")
        named = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        if named != {part[1:-1] for part in path.split("/") if part.startswith("{")}:
            complain(where, "its parameters are not those of the path")


def check_use(document):
    used = {target for _, target in references_in(document)}
    for kind in ("schemas", "responses"):
        for name in document["components"][kind]:
            if f"#/components/{kind}/{name}" not in used:
                complain(f"#/components/{kind}/{name}", "nobody uses it")


# --- the answers ---


def deref(document, value):
    while "$ref" in value:
        found = document
        for name in value["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        value = found
    return value


def check_answer(document, exchange):
    where = f"{exchange['method']} {exchange['path']} {exchange['status']}"
    operation = document["paths"].get(exchange["path"], {}).get(exchange["method"].lower())
    if not operation:
        return complain(where, "is not described")
    responses = operation["responses"]
    response = responses.get(str(exchange["status"])) or (
        responses.get("default") if exchange["status"] >= 400 else None)
    if not response:
        return complain(where, "this status is not described")
    kind = exchange["type"].split(";")[0].strip()
    content = deref(document, response).get("content", {}).get(kind)
    if not content:
        return complain(where, f"it has no {kind}")
    is_json = kind.endswith("json")
    body = json.loads(exchange["body"]) if is_json else exchange["body"]
    resolver = RefResolver("", document)
    validator = Draft202012Validator(content["schema"], resolver=resolver,
                                     format_checker=FormatChecker())
    for error in validator.iter_errors(body):
        complain(where, told(error))
    return None


def check_answers(document, exchanges):
    seen = {(e["path"], e["method"].lower()) for e in exchanges if e["status"] < 300}
    for exchange in exchanges:
        check_answer(document, exchange)
    for path, method, _ in operations_of(document):
        if (path, method) not in seen:
            complain(f"{method} {path}", "nobody has asked, or it never succeeded")


def main():
    document, exchanges = load(sys.argv[1]), load(sys.argv[2])
    check_document(document)
    check_answers(document, exchanges)
    print("\n".join(faults))
    sys.exit(1 if faults else 0)


main()
