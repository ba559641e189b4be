"""The OpenAPI document, and the page that shows it to people, without a script or anything from elsewhere."""

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, Response, render_template
from markupsafe import Markup, escape

from webapp.api import problems
from webapp.api.document import Json, openapi_document
from webapp.api.endpoint import PREFIX
from webapp.api.parsing import MEDIA_TYPE
from webapp.settings.context import general_settings

EXAMPLE_URL = "https://mailroom.example.com"
METHODS = ("post", "get", "patch", "delete")
# What the page calls formats of JSON Schema.
FORMATS = {"idn-email": "email address", "date-time": "time", "uri": "URL"}
# And what it calls parts that it explains elsewhere.
NAMED = {"Address": "address", **dict.fromkeys(("Addresses", "Recipients"), "address, or array of addresses")}
_CODE = re.compile("`([^`]+)`")

blueprint = Blueprint("api_documentation", __name__, url_prefix=PREFIX)


@dataclass(frozen=True)
class FieldRow:
    """A part of a body or a parameter, as the page shows it."""

    name: str
    type: str
    required: bool
    description: str


@dataclass(frozen=True)
class Operation:
    """One endpoint, as the page shows it."""

    method: str
    path: str
    anchor: str
    summary: str
    paragraphs: Sequence[str]
    parameters: Sequence[FieldRow]
    body: Sequence[FieldRow]
    # Each with a caption.
    commands: Sequence[tuple[str, str]]
    answer_status: str
    answer_example: str
    answer: Sequence[FieldRow]
    refusals: Sequence[tuple[str, str]]


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """Return the OpenAPI document."""
    return Response(json.dumps(openapi_document(), indent=1), content_type=MEDIA_TYPE)


@blueprint.get("/docs")
def page() -> str:
    """Show the document."""
    document, url = openapi_document(), general_settings().public_url or EXAMPLE_URL
    sections: dict[str, list[Operation]] = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                operation = read_operation(document, url, path, method)
                sections.setdefault(item[method]["tags"][0], []).append(operation)
    texts = {tag["name"]: tag["description"] for tag in document["tags"]}
    return render_template("api/documentation.html", sections=sections, texts=texts, kinds=problems.KINDS, url=url)


def init_app(app: Flask) -> None:
    """Publish the document."""
    app.add_template_filter(with_code)
    app.register_blueprint(blueprint)


def read_operation(document: Json, url: str, path: str, method: str) -> Operation:
    """Return one endpoint of the document as the page shows it."""
    item = document["paths"][path]
    given = item[method]
    status, answer = next((status, one) for status, one in given["responses"].items() if status.startswith("2"))
    schema, example = _content(answer)
    body_schema, _ = _content(given.get("requestBody", {}))
    return Operation(
        method=method.upper(),
        path=path,
        anchor=f"{method}{path.removeprefix(PREFIX)}".translate(str.maketrans("/_", "--", "{}")),
        summary=given["summary"],
        paragraphs=given.get("description", "").split("\n\n"),
        parameters=[_parameter(one) for one in (*item.get("parameters", ()), *given.get("parameters", ()))],
        body=list(_rows(document, body_schema)),
        commands=list(_commands(url + path, method, given)),
        answer_status=status,
        answer_example=_pretty(example) if example else "",
        answer=list(_rows(document, schema)),
        refusals=[(code, one["description"]) for code, one in sorted(given["responses"].items()) if code >= "4"],
    )


def _content(part: Json) -> tuple[Json, Any]:
    """Return the schema and the example of a body."""
    content = part.get("content", {}).get(MEDIA_TYPE, {})
    return content.get("schema", {}), content.get("example")


def _parameter(given: Json) -> FieldRow:
    where = "" if given["in"] == "query" else f" ({given['in']})"
    schema = given["schema"]
    return FieldRow(given["name"] + where, _type(schema), given.get("required", False), given.get("description", ""))


def _rows(document: Json, schema: Json, prefix: str = "") -> Iterator[FieldRow]:
    """Yield a row for each field of an object, and of the objects inside of it."""
    schema = _resolved(document, schema)
    for name, field in schema.get("properties", {}).items():
        inner, named = _resolved(document, field), NAMED.get(_reference(field))
        path, required = f"{prefix}{name}", name in schema.get("required", ())
        description = field.get("description") or inner.get("description", "")
        yield FieldRow(path, named or _type(inner), required, description)
        if named:
            continue
        if inner.get("items"):
            yield from _rows(document, inner["items"], f"{path}[].")
        else:
            yield from _rows(document, inner, f"{path}.")


def _reference(schema: Json) -> str:
    """Return the name of the part of the document that a field has as its schema."""
    return next((str(one["$ref"]).rpartition("/")[2] for one in schema.get("allOf", ()) if "$ref" in one), "")


def _resolved(document: Json, schema: Json) -> Json:
    """Follow a reference to a schema, also one that may be null instead."""
    for one in (schema, *schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        if "$ref" in one:
            found: Json = document["components"]["schemas"][one["$ref"].rpartition("/")[2]]
            return found
    return schema


def _type(schema: Json) -> str:
    """Name the type of a schema in a few words."""
    if "enum" in schema:
        return ", ".join("null" if value is None else str(value) for value in schema["enum"])
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(_type(one) for one in alternatives))
    found = schema.get("type", "object")
    names = [found] if isinstance(found, str) else found
    known = FORMATS.get(schema.get("format", ""), "text")
    text = " or ".join(known if one == "string" else one for one in names)
    if "minimum" in schema and "maximum" in schema:
        text += f" from {schema['minimum']} to {schema['maximum']}"
    return f"array of {_type(schema['items'])}" if found == "array" and schema.get("items") else text


def _commands(url: str, method: str, given: Json) -> Iterator[tuple[str, str]]:
    """Yield the curl commands for an endpoint: one for each example of a body."""
    start = f"curl {url}" if method == "get" else f"curl -X {method.upper()} {url}"
    lines = [start, '-H "Authorization: Bearer $SECRET"']
    content = given.get("requestBody", {}).get("content", {}).get(MEDIA_TYPE, {})
    examples = content.get("examples", {})
    if not examples:
        yield "", " \\\n  ".join(lines)
    for name, example in examples.items():
        data = shlex.quote(_pretty(example["value"]))
        yield name, " \\\n  ".join([*lines, "--json " + data])


def with_code(text: str) -> Markup:
    """Return a text as HTML; what is between backticks is code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 -- it was escaped


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
