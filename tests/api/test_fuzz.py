"""Requests made from the service's own OpenAPI document: every answer is one that the document has, and none is an error of ours.

Ids that the service gave out are asked for again, so that requests meet what earlier ones made or deleted.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.app import create_app
from mm.settings import Settings
from tests.api import media

if TYPE_CHECKING:
    from tests.api.conftest import Running

DOCUMENT: dict[str, Any] = create_app(Settings()).openapi()
OPERATIONS = [
    (method, path, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    if not path.endswith("/events")  # follows a job to its end
]
REQUESTS_PER_OPERATION = 100  # well over a thousand in all
DEEPEST = 3

TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["", " ", "\0", "../..", "0" * 32, "a" * 3000, "\U0001f600", "\u202e", "%2f", "NaN", "-1"]),
)
NUMBERS = st.one_of(st.integers(), st.sampled_from([0, -1, 2**31, 2**63, 10**400]), st.floats())
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


def of_schema(schema: dict[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of the schema, and now and then of no schema at all."""
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if depth > DEEPEST:
        return ANYTHING
    if "anyOf" in schema:
        good: st.SearchStrategy[Any] = st.one_of([of_schema(choice, depth + 1) for choice in schema["anyOf"]])
    elif "enum" in schema:
        good = st.sampled_from(schema["enum"])
    elif schema.get("type") == "object":
        fields = {name: of_schema(field, depth + 1) for name, field in schema.get("properties", {}).items()}
        required = {name: fields.pop(name) for name in schema.get("required", []) if name in fields}
        good = st.fixed_dictionaries(required, optional=fields)
        strange = st.dictionaries(TEXTS, ANYTHING, max_size=1)
        good = good | st.builds(lambda right, odd: {**right, **odd}, good, strange)
    elif schema.get("type") == "array":
        good = st.lists(of_schema(schema.get("items", {}), depth + 1), max_size=3)
    else:
        kinds = {
            "integer": st.integers(-2, 30) | NUMBERS,
            "number": st.floats(0, 1) | NUMBERS,
            "string": TEXTS,
            "boolean": st.booleans(),
            "null": st.none(),
        }
        good = kinds.get(schema.get("type", ""), ANYTHING)
    return st.one_of(good, good, good, good, ANYTHING)


def as_text(value: object) -> str:
    """A value as a parameter carries it."""
    return (value if isinstance(value, str) else json.dumps(value)).encode(errors="replace").decode()


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=[f"{method} {path}" for method, path, _ in OPERATIONS])
def test_every_answer_is_documented_and_none_is_an_error_of_ours(
    api: Running, method: str, path: str, operation: dict[str, Any]
) -> None:
    upload = api.upload(media.picture(900), "fuzz.png").json()
    known = {"item_id": [upload["item"]["id"]], "job_id": [upload["job"]["id"]], "model_id": ["lite", "lite@1"]}
    bodies = operation.get("requestBody", {}).get("content", {})
    seen: set[int] = set()

    @settings(
        max_examples=REQUESTS_PER_OPERATION,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        target, params, headers = path, [], {}
        for parameter in operation.get("parameters", []):
            name, values = parameter["name"], of_schema(parameter["schema"])
            if parameter["in"] == "path":
                value = as_text(data.draw(st.sampled_from(known[name]) | TEXTS))
                target = target.replace(f"{{{name}}}", quote(value, safe=""))
            elif parameter["in"] == "query" and data.draw(st.booleans()):
                drawn = data.draw(values)
                params += [(name, as_text(value)) for value in (drawn if isinstance(drawn, list) else [drawn])]
        body = data.draw(st.binary(max_size=200))
        kind = data.draw(st.sampled_from([*bodies, "text/plain"])) if bodies else None
        if kind == "application/json":
            body = json.dumps(data.draw(of_schema(bodies[kind]["schema"]))).encode()
        if kind is not None:
            headers["Content-Type"] = kind
        # The client's hook holds every status against the document.
        content = body if bodies else None
        answer = api.client.request(method.upper(), target, params=params, headers=headers, content=content)
        seen.add(answer.status_code)
        assert answer.status_code < 500 or (answer.status_code == 503 and path == "/readyz"), answer.text
        if answer.status_code >= 400 and answer.status_code != 503:
            assert answer.headers["content-type"] == "application/problem+json"
            problem = answer.json()
            assert problem["status"] == answer.status_code
            assert problem["detail"]
            assert problem["request_id"] == answer.headers["x-request-id"]

    ask()
    assert seen
