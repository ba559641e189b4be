"""Asking a provider for tokens: every grant, through Authlib's client and our own bounded requests."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

from authlib.oauth2 import ClientAuth, OAuth2Client

from webapp.core import clock, http_client
from webapp.core.http_client import InvalidUrl, Response
from webapp.core.sockets import Proxy
from webapp.mail.oauth import discovery, responses, words
from webapp.mail.oauth.errors import BadTokens, NotConfigured, OAuthError, TokenRefused, Unanswered, Unreached
from webapp.mail.oauth.keys import ServiceAccountKey
from webapp.mail.oauth.registration import ClientRegistration
from webapp.mail.oauth.responses import TokenResponse

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
# What we send that must not come back in words of the provider.
SECRET_PARAMETERS = ("client_secret", "refresh_token", "code", "code_verifier", "assertion", "device_code")
FORM = "application/x-www-form-urlencoded"
# A clock this far from the provider's is wrong: one of the two.
SKEW = timedelta(seconds=60)
# In seconds, between two questions whether a device code was typed.
USUAL_INTERVAL, LONGEST_INTERVAL = 5, 300
USUAL_CODE, LONGEST_CODE = timedelta(minutes=15), timedelta(hours=1)
LONGEST_PAGE = 1000


@dataclass(frozen=True)
class DeviceCode:
    """What to show to somebody with another device, and what to ask with meanwhile (RFC 8628, 3.2)."""

    device_code: str = field(repr=False)
    user_code: str
    verification_uri: str
    lifetime: timedelta
    interval: int


def authorization_url(registration: ClientRegistration, redirect_uri: str, state: str, verifier: str) -> str:
    """Where the administrator's browser goes to sign in, with PKCE (RFC 7636, S256). Raises Unusable."""
    _require(registration.authorize_url)
    client = _Client(
        None,
        client_id=registration.client_id,
        scope=" ".join(registration.scopes),
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
    )
    more = {"login_hint": registration.username, **registration.targets, **registration.method.authorize_parameters}
    # RFC 6749, 3.1: no parameter twice, so what the address says already stays as it is.
    entered = dict(parse_qsl(urlsplit(registration.authorize_url).query, keep_blank_values=True))
    address, _state = client.create_authorization_url(
        registration.authorize_url,
        state=state,
        code_verifier=verifier,
        **{name: value for name, value in more.items() if name not in entered},
    )
    return str(address)


def same_issuer(registration: ClientRegistration, issuer: str, of_id_token: str = "") -> bool:
    """Whether an answer's `iss` is the provider that was asked (RFC 9207, 2.4).

    Where the issuer is not known it must be of the authorize address's own host, or say itself that this is its
    address, as another provider, which mixes itself in, can do neither; and the same as the ID token's, once there
    is one.
    """
    if registration.method.issuer:
        return issuer == registration.method.issuer
    if of_id_token:
        return issuer == of_id_token
    try:
        its_own_host = http_client.origin_of(issuer) == http_client.origin_of(registration.authorize_url)
    except ValueError:
        return False
    return its_own_host or discovery.is_at(registration, issuer)


def exchange(registration: ClientRegistration, code: str, verifier: str, redirect_uri: str) -> TokenResponse:
    """The tokens for an authorization code. Raises OAuthFault."""
    facts = {"code": code, "code_verifier": verifier, "redirect_uri": redirect_uri}
    return _tokens(registration, "authorization_code", **facts)


def refresh(registration: ClientRegistration, refresh_token: str) -> TokenResponse:
    """New tokens for a refresh token, which may be worth nothing afterwards. Raises OAuthFault."""
    return _tokens(registration, "refresh_token", refresh_token=refresh_token)


def client_credentials(registration: ClientRegistration) -> TokenResponse:
    """An access token that needs nobody to sign in: client credentials or a service account. Raises OAuthFault."""
    if registration.method.grant == "client_credentials":
        return _tokens(registration, "client_credentials", scope=" ".join(registration.scopes))
    now = clock.now()
    try:
        return _jwt_bearer(registration, now)
    except TokenRefused as refusal:
        # The request is dated, and our clock may be wrong: the provider's own is in its answer.
        if refusal.server_time is None or abs(refusal.server_time - now) < SKEW:
            raise
        return _jwt_bearer(registration, refusal.server_time)


def start_device(registration: ClientRegistration) -> DeviceCode:
    """Ask for a code that somebody types on another device. Raises OAuthFault."""
    address, scope = registration.device_authorization_url, " ".join(registration.scopes)
    _require(address)
    answer = _ask(registration, lambda client: client.post(address, {"scope": scope, **registration.targets}))
    found = responses.facts_of(answer, [registration.client_secret])
    device_code, user_code = found.get("device_code"), found.get("user_code")
    page = str(found.get("verification_uri", found.get("verification_url")))
    lifetime = responses.lifetime(found.get("expires_in"), USUAL_CODE, LONGEST_CODE)
    try:
        parts = http_client.check_address(page)
        interval = max(1, min(int(found.get("interval") or USUAL_INTERVAL), LONGEST_INTERVAL))
    except (InvalidUrl, ValueError, TypeError, OverflowError):
        raise BadTokens(words.NO_DEVICE_CODE) from None
    codes = _is_code(device_code, responses.LONGEST_TOKEN) and _is_code(user_code, 40)
    if not codes or len(page) > LONGEST_PAGE or lifetime is None:
        raise BadTokens(words.NO_DEVICE_CODE)
    return DeviceCode(str(device_code), str(user_code), parts.geturl(), lifetime, interval)


def poll_device(registration: ClientRegistration, device_code: str) -> TokenResponse:
    """The tokens once somebody has typed the code. Raises Pending until then, or another OAuthFault."""
    return _tokens(registration, DEVICE_CODE, device_code=device_code)


def _is_code(value: object, longest: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= longest and value.isprintable()


def _jwt_bearer(registration: ClientRegistration, now: datetime) -> TokenResponse:
    key = ServiceAccountKey.parsed(registration.service_account_key)
    scopes = " ".join(registration.scopes)
    assertion = key.assertion(registration.token_url, registration.username, scopes, now)
    return _tokens(registration, JWT_BEARER, assertion=assertion, scope=scopes)


def _tokens(registration: ClientRegistration, grant_type: str, **facts: str) -> TokenResponse:
    _require(registration.token_url)
    asked = {**registration.targets, **facts}
    answer = _ask(
        registration,
        lambda client: client.fetch_token(registration.token_url, grant_type=grant_type, **asked),
    )
    secrets = [registration.client_secret, *(facts.get(name, "") for name in SECRET_PARAMETERS)]
    return responses.tokens(answer, registration.client_id, secrets)


def _ask(registration: ClientRegistration, send: Callable[["_Client"], Response]) -> Response:
    """The provider's answer; a client secret that it does not take one way is sent the other way.

    Every server must know HTTP Basic (RFC 6749, 2.3.1); some are set to take secrets in the body alone.
    """
    ways = ["client_secret_basic", "client_secret_post"] if registration.client_secret else ["none"]
    for way in ways if registration.client_id else ["unnamed"]:
        answer = send(_Client.of(registration, way))
        if not _client_missing(answer):
            break
    return answer


def _client_missing(answer: Response) -> bool:
    """Whether the client did not show who it is (RFC 6749, 5.2), by the error or, where that is another, by the 401."""
    try:
        responses.facts_of(answer)
    except OAuthError as fault:
        return answer.status == 401 or fault.code == "invalid_client"
    return False


def _require(url: str) -> None:
    try:
        http_client.check_address(url)
    except InvalidUrl:
        raise NotConfigured(error=words.BAD_ADDRESS) from None


class _Session:
    """What Authlib posts with."""

    def __init__(self, proxy: Proxy | None) -> None:
        self._proxy = proxy

    def post(self, url: str, data: Mapping[str, str], headers: Mapping[str, str], auth: ClientAuth) -> Response:
        """The answer to a form. Raises Unreached or Unanswered."""
        url, sent, body = auth.prepare("POST", url, {**headers, "Content-Type": FORM}, urlencode(data))
        try:
            return http_client.post(url, sent, body.encode(), self._proxy)
        except http_client.NotSent as error:
            raise Unreached(error=words.NOT_REACHED % {"error": error}) from error
        except OSError as error:
            raise Unanswered(error=words.NO_ANSWER % {"error": error}) from error


class _Client(OAuth2Client):
    """Authlib's client over our requests; the answers are read by `answers`."""

    @classmethod
    def of(cls, registration: ClientRegistration, way: str) -> "_Client":
        """One that says who it is in this way."""
        client = cls(_Session(registration.proxy), registration.client_id, registration.client_secret, way, scope=None)
        client.register_client_auth_method(("client_secret_basic", _basic))
        client.register_client_auth_method(
            ("unnamed", lambda _client, _method, uri, headers, body: (uri, headers, body))
        )
        return client

    def post(self, url: str, facts: Mapping[str, str]) -> Response:
        """The answer to a request that is not for tokens.

        Beside HTTP Basic the form names the client too: some servers, such as Microsoft's, look for it there alone.
        """
        way = self.token_endpoint_auth_method
        named = {"client_id": self.client_id} if way == "client_secret_basic" else {}
        answer: Response = self.session.post(
            url, {**facts, **named}, {"Accept": "application/json"}, self.client_auth(way)
        )
        return answer

    def parse_response_token(self, resp: Response) -> Response:
        """The answer as it is."""
        return resp


def _basic(client: ClientAuth, _method: str, uri: str, headers: dict[str, str], body: str) -> tuple[str, Any, str]:
    """HTTP Basic with both parts form-encoded (RFC 6749, 2.3.1), which Authlib's own leaves out."""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    return uri, headers, body
