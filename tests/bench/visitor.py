"""A browser with one kept connection."""

from http.client import HTTPConnection, HTTPResponse
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from tests.support.html import forms_of

FORM = "application/x-www-form-urlencoded"


class Visitor:
    """Opens pages, submits their forms and keeps cookies."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port)
        self._cookies: dict[str, str] = {}

    @property
    def cookie(self) -> str:
        """The Cookie header."""
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())

    def get(self, path: str) -> str:
        """Return the page. Raises RuntimeError for other statuses than 200."""
        status, page = self._ask("GET", path)
        if status != 200:
            raise RuntimeError(f"{path}: {status}")
        return page

    def begin(self, path: str) -> None:
        """Read the first bytes of a download, and no more. Raises RuntimeError for other statuses than 200."""
        self._connection.request("GET", path, headers={"Cookie": self.cookie})
        answer = self._connection.getresponse()
        if answer.status != 200 or not answer.read(100):
            raise RuntimeError(f"{path}: {answer.status}")
        self.reconnect()

    def fields(self, path: str) -> dict[str, str]:
        """Return the values of the first form on the page."""
        return dict(forms_of(self.get(path))[0].values)

    def send(self, path: str, fields: dict[str, str]) -> tuple[int, str]:
        """Submit a form and return status and page; redirects are not followed."""
        return self._ask("POST", path, urlencode(fields))

    def reconnect(self) -> None:
        """Use a new connection from now on."""
        self._connection.close()

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, str]:
        self._connection.request(method, path, body, {"Cookie": self.cookie, "Content-Type": FORM})
        answer = self._connection.getresponse()
        self._keep(answer)
        return answer.status, answer.read().decode()

    def _keep(self, answer: HTTPResponse) -> None:
        for header in answer.headers.get_all("Set-Cookie", []):
            self._cookies |= {name: morsel.value for name, morsel in SimpleCookie(header).items()}
