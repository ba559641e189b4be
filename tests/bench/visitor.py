"""A person with a browser, over one kept connection."""

from http.client import HTTPConnection, HTTPResponse
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from tests.support.html import forms_of

FORM = "application/x-www-form-urlencoded"


class Visitor:
    """Opens pages and sends their forms; keeps cookies."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port)
        self._cookies: dict[str, str] = {}

    @property
    def cookie(self) -> str:
        """The header that says who this is."""
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())

    def get(self, path: str) -> str:
        """The page. Raises RuntimeError when there is none."""
        status, page = self._ask("GET", path)
        if status != 200:
            raise RuntimeError(f"{path}: {status}")
        return page

    def fields(self, path: str) -> dict[str, str]:
        """What the first form on this page sends untouched."""
        return dict(forms_of(self.get(path))[0].values)

    def send(self, path: str, fields: dict[str, str]) -> tuple[int, str]:
        """Status and page that a form is answered with; redirects are not followed."""
        return self._ask("POST", path, urlencode(fields))

    def reconnect(self) -> None:
        """Go on over another connection."""
        self._connection.close()

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, str]:
        self._connection.request(method, path, body, {"Cookie": self.cookie, "Content-Type": FORM})
        answer = self._connection.getresponse()
        self._keep(answer)
        return answer.status, answer.read().decode()

    def _keep(self, answer: HTTPResponse) -> None:
        for header in answer.headers.get_all("Set-Cookie", []):
            self._cookies |= {name: morsel.value for name, morsel in SimpleCookie(header).items()}
