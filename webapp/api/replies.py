"""What an endpoint replies."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Response

from webapp.api.parsing import MEDIA_TYPE


@dataclass(frozen=True)
class Reply:
    """A status, JSON unless it is None, and headers."""

    body: Mapping[str, Any] | None = field(repr=False)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_text(self) -> str:
        """Return it as text, to be kept."""
        return json.dumps([self.body, self.status, dict(self.headers)])

    @classmethod
    def from_text(cls, text: str) -> "Reply":
        """Return the reply that was kept."""
        return cls(*json.loads(text))

    def to_response(self) -> Response:
        """Return it as the response to a request."""
        if self.body is None:
            return Response(status=self.status, headers=dict(self.headers))
        return Response(json.dumps(self.body) + "\n", self.status, dict(self.headers), content_type=MEDIA_TYPE)
