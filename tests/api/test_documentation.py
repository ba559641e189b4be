"""The OpenAPI document and its page."""

import json
import shlex
from typing import Any

import pytest
from flask import Flask

from tests.api.conftest import Program
from tests.support.browser import Browser

pytestmark = pytest.mark.one_database


@pytest.fixture
def document(stranger: Browser) -> Any:
    return stranger.get("/api/v1/openapi.json").json


def test_every_operation_is_documented_with_its_problems_and_an_example(app: Flask, document: Any) -> None:
    described = {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }
    routes = {
        (method, rule.rule.replace("<", "{").replace(">", "}").replace("int:", ""))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/") and not rule.endpoint.startswith("api_documentation.")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert set(described) == routes
    for operation in described.values():
        assert operation["summary"]
        assert {"401", "403", "429", "500", "503"} <= set(operation["responses"])
        for status, response in operation["responses"].items():
            media_type = "application/json" if status < "3" else "application/problem+json"
            assert status == "204" or response["content"][media_type]["schema"]
            assert status != "200" or "example" in response["content"][media_type]


def test_the_page_shows_every_operation_and_kind_of_problem(stranger: Browser, document: Any) -> None:
    page = stranger.get("/api/v1/docs")
    assert (page.status_code, "<script>" in page.text, "style=" in page.text) == (200, False, False)
    for path in document["paths"]:
        assert path in page.text
    for name in ("unauthenticated", "sender-not-allowed", "idempotency-key-reused", "not-retryable"):
        assert f'id="{name}"' in page.text
    assert 'lang="en"' in stranger.get("/api/v1/docs", headers={"Accept-Language": "de"}).text


def test_the_examples_on_the_page_can_be_sent(stranger: Browser, shop: Program) -> None:
    text = stranger.get("/api/v1/docs").get_data(as_text=True)
    start = text.index("curl -X POST https://mailroom.example/api/v1/messages \\")
    command = text[start : text.index("</code>", start)]
    command = command.replace("&#39;", "'").replace("&#34;", '"').replace("&lt;", "<").replace("&gt;", ">")
    body = json.loads(shlex.split(command)[-1])
    assert shop.post("/messages", body | {"from": "orders@shop.example"}).status_code == 202
