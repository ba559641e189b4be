"""What Schemathesis can't know from the document. It loads this by the name in SCHEMATHESIS_HOOKS."""

import re
import uuid
from typing import Any

import schemathesis
from hypothesis.strategies import from_regex

NAME, VALID = "Idempotency-Key", re.compile(r"[!-~]{1,255}")

# Some of the values of formats that no pattern tells.
schemathesis.openapi.format("person-name", from_regex(r"[A-Za-z][A-Za-z' -]{0,40}", fullmatch=True))
schemathesis.openapi.format("return-url", from_regex(r"https://shop\.example/[a-z]{1,20}", fullmatch=True))


@schemathesis.hook
def before_call(_context: Any, case: Any, _options: Any) -> None:
    """Use a valid Idempotency-Key for one request, as it must be new for each."""
    is_valid = case.meta is None or case.meta.generation.mode.is_positive
    if is_valid and VALID.fullmatch(str(case.headers.get(NAME, ""))):
        case.headers[NAME] = str(uuid.uuid4())
