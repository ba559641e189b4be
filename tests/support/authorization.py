"""An authorization server on loopback with all four grants. It rotates refresh tokens and takes reuse for theft.

    with running_provider() as provider:
        query = provider.visit(address)  # a user signs in; returns the query that the browser comes back with
        provider.misbehave("500")  # the next token request gets this

It uses the application's clock, so that a year passes for both at once.
"""

import base64
import hashlib
import json
import secrets
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.support.provider_http import Handler, Refusal, Server
from tests.support.tokens import Issued, subject, unsigned
from webapp.core import clock

CLIENT_ID, CLIENT_SECRET = "mailroom-client", "a client secret+with/signs"
ACCOUNT = "mailroom@mailroom.example"
SCOPE = "mail.send"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class AuthorizationServer:
    """The server, running until `close`."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.account = ACCOUNT
        # Its issuer, if that isn't its URL.
        self.issuer = ""
        # Whether browsers get a consent page instead of being sent back at once.
        self.asks = False
        self.lifetime = timedelta(hours=1)
        self.unused = timedelta(days=90)
        self.rotates = True
        # Seconds until it answers.
        self.pause = 0.0
        # Whether the client has no secret.
        self.public = False
        # Overrides parts of token responses; None leaves one out.
        self.answers: dict[str, Any] = {}
        # Whether only userinfo has the email address (OpenID Connect Core, 5.4), and what else it has.
        self.conforming = False
        self.userinfo: dict[str, Any] = {}
        # Overrides parts of its metadata.
        self.metadata: dict[str, Any] = {}
        # How the client may authenticate.
        self.client_authentication: tuple[str, ...] = ("basic", "post")
        # The error and status for a client that authenticates otherwise.
        self.unknown_client = "invalid_client", 400
        # The grant types requested so far.
        self.asked: list[str] = []
        # Every code and token it issued, and every state it received.
        self.secrets: list[str] = []
        # How many refresh tokens were used twice.
        self.reuses = 0
        # The forms of all token requests.
        self.bodies: list[dict[str, str]] = []
        self.access: dict[str, Issued] = {}
        self.refresh: dict[str, Issued] = {}
        self._spent: dict[str, Issued] = {}
        self._codes: dict[str, Issued] = {}
        self._devices: dict[str, Issued] = {}
        self._revoked: set[int] = set()
        self._faults: list[str] = []
        # Set when a fault is about to happen.
        self.reached = threading.Event()
        self._families = 0
        self._lock = threading.Lock()
        self._private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._http = Server(("127.0.0.1", 0), type("Handler", (Handler,), {"provider": self}))
        self._scheme = "http" if tls is None else "https"
        if tls is not None:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self.closing = threading.Event()
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Its URL."""
        return f"{self._scheme}://127.0.0.1:{self._http.server_address[1]}"

    @property
    def settings(self) -> dict[str, str]:
        """The settings an administrator enters for it."""
        return {
            "client_id": CLIENT_ID,
            "authorize_url": f"{self.url}/authorize",
            "token_url": f"{self.url}/token",
            "device_authorization_url": f"{self.url}/device",
            "scopes": f"{SCOPE} offline_access openid",
        }

    @property
    def key_file(self) -> str:
        """The key file of its service account."""
        form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        data = {"client_email": "robot@mailroom.example", "private_key": self._private.private_bytes(*form).decode()}
        return json.dumps({"type": "service_account", "private_key_id": "k1", **data})

    def misbehave(self, *faults: str) -> None:
        """Set what the next token requests get: a status, `html`, `huge`, `stall`, `drop`, `drip` or `lose`.

        `lose` does what was requested and drops the connection before it responds; `drip` sends one byte at a time.
        """
        self._faults.extend(faults)

    def visit(self, address: str) -> dict[str, str]:
        """Sign in as a browser that is sent to this URL, and return the query it comes back with."""
        return dict(parse_qsl(urlsplit(self.authorized(address)).query))

    def authorized(self, address: str) -> str:
        """Consent, and return the URL that the browser is sent back to."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert asked["client_id"] == CLIENT_ID
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self._codes[code] = self._new(timedelta(minutes=10), self._family(), asked)
        self.secrets += [code, asked["state"]]
        back = {"code": code, "state": asked["state"], "iss": self.issuer or self.url}
        return f"{asked['redirect_uri']}?{urlencode(back)}"

    def declined(self, address: str) -> str:
        """Decline, and return the URL that the browser is sent back to."""
        asked = dict(parse_qsl(urlsplit(address).query))
        back = {"error": "access_denied", "state": asked["state"], "iss": self.issuer or self.url}
        return f"{asked['redirect_uri']}?{urlencode(back)}"

    def type_code(self, user_code: str) -> None:
        """Enter a device code and sign in."""
        for device in self._devices.values():
            if device.data["user_code"] == user_code:
                device.data["typed"] = "yes"

    def revoke_access_tokens(self) -> None:
        """Revoke all access tokens, as an administrator of the provider can."""
        self.access.clear()

    def revoke(self) -> None:
        """Revoke all grants."""
        self._revoked |= set(range(self._families + 1))

    def knows(self, token: str) -> str | None:
        """Return the account of an access token if it is valid."""
        issued = self.access.get(token)
        if issued is None or issued.expires_at <= clock.now() or issued.family in self._revoked:
            return None
        return issued.account

    def close(self) -> None:
        """Stop the server."""
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(10)

    def fault(self) -> str:
        """Take the next fault to happen, if any."""
        if not self._faults:
            return ""
        self.reached.set()
        return self._faults.pop(0)

    def tokens(self, data: dict[str, str], authorization: str) -> dict[str, Any]:
        """Answer a token request. Raises Refusal."""
        with self._lock:
            self.bodies.append(data)
            self.asked.append(data.get("grant_type", ""))
            if data["grant_type"] == JWT_BEARER:
                return self._by_assertion(data)
            self._require_client(data, authorization)
            if data["grant_type"] == "client_credentials":
                return self._answer(self._new(self.lifetime, self._family()), refresh=False)
            if data["grant_type"] == "refresh_token":
                return self._refreshed(data["refresh_token"])
            if data["grant_type"] == DEVICE_CODE:
                return self._by_device(data["device_code"])
            return self._by_code(data)

    def device(self, data: dict[str, str], authorization: str) -> dict[str, Any]:
        """Answer a request for a device code, whose form must name the client, as Microsoft requires."""
        self._require_client(data, authorization)
        if data.get("client_id") != CLIENT_ID:
            raise Refusal("invalid_request", "The request body must contain the following parameter: 'client_id'.")
        code, user_code = secrets.token_urlsafe(16), f"{secrets.token_hex(2)}-{secrets.token_hex(2)}".upper()
        self._devices[code] = self._new(timedelta(minutes=5), self._family(), {"user_code": user_code})
        answer = {"device_code": code, "user_code": user_code, "verification_uri": f"{self.url}/type"}
        return {**answer, "expires_in": 300, "interval": 5}

    def describe(self, path: str, authorization: str) -> dict[str, Any] | None:
        """Answer a request for metadata or userinfo; return None for other paths, which are for browsers."""
        if path == "/.well-known/openid-configuration":
            own = {"issuer": self.issuer or self.url, "userinfo_endpoint": f"{self.url}/userinfo"}
            endpoints = {"authorization_endpoint": f"{self.url}/authorize", "token_endpoint": f"{self.url}/token"}
            return own | endpoints | self.metadata
        if path != "/userinfo":
            return None
        account = self.knows(authorization.removeprefix("Bearer "))
        return {"sub": subject(account), "email": account, **self.userinfo} if account else {"error": "invalid_token"}

    def _require_client(self, data: dict[str, str], authorization: str) -> None:
        method, credentials = "post", (data.get("client_id", ""), data.get("client_secret", ""))
        if authorization.startswith("Basic "):
            name, _colon, secret = base64.b64decode(authorization[6:]).decode().partition(":")
            method, credentials = "basic", (unquote_plus(name), unquote_plus(secret))
        if self.public and credentials == (CLIENT_ID, ""):
            return
        if method not in self.client_authentication or credentials != (CLIENT_ID, CLIENT_SECRET):
            error, status = self.unknown_client
            raise Refusal(error, "Unknown client, or a wrong secret.", status)

    def _by_code(self, data: dict[str, str]) -> dict[str, Any]:
        issued = self._codes.pop(data["code"], None)
        if issued is None or issued.expires_at <= clock.now():
            raise Refusal("invalid_grant", "The code is unknown, expired or used.")
        challenge = base64.urlsafe_b64encode(hashlib.sha256(data["code_verifier"].encode()).digest()).rstrip(b"=")
        if challenge.decode() != issued.data["code_challenge"] or data["redirect_uri"] != issued.data["redirect_uri"]:
            raise Refusal("invalid_grant", "The verifier or the redirect address is another one.")
        return self._answer(self._new(self.lifetime, issued.family))

    def _by_device(self, code: str) -> dict[str, Any]:
        issued = self._devices.get(code)
        if issued is None or issued.expires_at <= clock.now():
            raise Refusal("expired_token", "The code has expired.")
        if "typed" not in issued.data:
            raise Refusal("authorization_pending", "Wait.")
        del self._devices[code]
        return self._answer(self._new(self.lifetime, issued.family))

    def _by_assertion(self, data: dict[str, str]) -> dict[str, Any]:
        public = RSAKey.import_key(self._private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ))  # fmt: skip
        claims = jwt.decode(data["assertion"], public).claims
        now = clock.now().timestamp()
        if not claims["iat"] - 30 <= now < claims["exp"] or claims["aud"] != f"{self.url}/token":
            raise Refusal("invalid_grant", "Invalid JWT: Token must be in a reasonable timeframe.")
        issued = self._new(self.lifetime, self._family())
        issued.account = claims["sub"]
        return self._answer(issued, refresh=False)

    def _refreshed(self, token: str) -> dict[str, Any]:
        if token in self._spent:
            self.reuses += 1
            self._revoked.add(self._spent[token].family)
        issued = self.refresh.get(token)
        if issued is None or issued.family in self._revoked or issued.expires_at <= clock.now():
            raise Refusal("invalid_grant", f"The refresh token {token} has been revoked.")
        if self.rotates:
            self._spent[token] = self.refresh.pop(token)
        else:
            issued.expires_at = clock.now() + self.unused
        return self._answer(self._new(self.lifetime, issued.family), refresh=self.rotates)

    def _answer(self, issued: Issued, refresh: bool = True) -> dict[str, Any]:
        access = secrets.token_urlsafe(24)
        self.access[access] = issued
        self.secrets.append(access)
        data: dict[str, Any] = {"access_token": access, "token_type": "Bearer", "scope": SCOPE}
        data["expires_in"] = int(self.lifetime.total_seconds())
        if refresh:
            data["refresh_token"] = secrets.token_urlsafe(24)
            self.refresh[data["refresh_token"]] = self._new(self.unused, issued.family)
            self.secrets.append(data["refresh_token"])
        person = {} if self.conforming else {"email": issued.account}
        data["id_token"] = unsigned(
            {"iss": self.issuer or self.url, "aud": CLIENT_ID, "sub": subject(issued.account), **person}
        )
        return {name: value for name, value in (data | self.answers).items() if value is not None}

    def _new(self, lifetime: timedelta, family: int, data: dict[str, str] | None = None) -> Issued:
        return Issued(self.account, clock.now() + lifetime, family, dict(data or {}))

    def _family(self) -> int:
        self._families += 1
        return self._families


@contextmanager
def running_provider(tls: ssl.SSLContext | None = None) -> Iterator[AuthorizationServer]:
    """Run a server until the end of the block."""
    provider = AuthorizationServer(tls)
    try:
        yield provider
    finally:
        provider.close()
