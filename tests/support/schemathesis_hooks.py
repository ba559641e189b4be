"""What Schemathesis can't know from the document. It loads this by the name in SCHEMATHESIS_HOOKS."""

import re
import uuid
from typing import Any

import schemathesis

NAME, VALID = "Idempotency-Key", re.compile(r"[!-~]{1,255}")


@schemathesis.hook
def before_call(_context: Any, case: Any, _options: Any) -> None:
    """Use a valid Idempotency-Key for one request, as it must be new for each."""
    is_valid = case.meta is None or case.meta.generation.mode.is_positive
    if is_valid and VALID.fullmatch(str(case.headers.get(NAME, ""))):
        case.headers[NAME] = str(uuid.uuid4())
