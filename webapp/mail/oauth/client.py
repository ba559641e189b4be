"""Requests to a provider's token endpoint: every grant type, with Authlib's client and bounded requests."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

from authlib.oauth2 import ClientAuth, OAuth2Client

from webapp.core import clock, http_client, network_errors
from webapp.core.http_client import InvalidUrl, Response
from webapp.core.sockets import Proxy
from webapp.mail.oauth import discovery, responses
from webapp.mail.oauth.errors import InvalidTokenResponse, NotConfigured, OAuthError, ProviderUnavailable, Unanswered
from webapp.mail.oauth.registration import ClientRegistration, ServiceAccountKey
from webapp.mail.oauth.responses import TokenResponse

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
# Parameters that must not be repeated in errors of the provider.
SECRET_PARAMETERS = ("client_secret", "refresh_token", "code", "code_verifier", "assertion", "device_code")
FORM = "application/x-www-form-urlencoded"
# Seconds between two requests that ask whether a device code was entered.
DEFAULT_INTERVAL, MAX_INTERVAL = 5, 300
DEFAULT_CODE_LIFETIME, MAX_CODE_LIFETIME = timedelta(minutes=15), timedelta(hours=1)
MAX_USER_CODE_LENGTH = 40
MAX_URL_LENGTH = 1000


@dataclass(frozen=True)
class DeviceCode:
    """The code to enter on another device, and the one to poll with meanwhile (RFC 8628, 3.2)."""

    device_code: str = field(repr=False)
    user_code: str
    verification_uri: str
    lifetime: timedelta
    interval: int


def authorization_url(registration: ClientRegistration, redirect_uri: str, state: str, verifier: str) -> str:
    """Return the provider's sign-in page for this request, with PKCE (RFC 7636, S256). Raises NotConfigured."""
    _require_url(registration.authorize_url)
    client = _Client(
        None,
        client_id=registration.client_id,
        scope=" ".join(registration.scopes),
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
    )
    more = {"login_hint": registration.username, **registration.targets, **registration.method.authorize_parameters}
    # RFC 6749, 3.1: no parameter may occur twice, so those in the configured URL take precedence.
    configured = dict(parse_qsl(urlsplit(registration.authorize_url).query, keep_blank_values=True))
    url, _state = client.create_authorization_url(
        registration.authorize_url,
        state=state,
        code_verifier=verifier,
        **{name: value for name, value in more.items() if name not in configured},
    )
    return str(url)


def is_same_issuer(registration: ClientRegistration, issuer: str, id_token_issuer: str = "") -> bool:
    """Return whether the `iss` of a callback is the provider that was asked (RFC 9207, 2.4).

    If the plugin declares no issuer, `iss` must be on the host of the authorization URL or publish that
    URL as its own, which another provider in a mix-up attack cannot do; once there is an ID token, it
    must be the same as the token's.
    """
    if registration.method.issuer:
        return issuer == registration.method.issuer
    if id_token_issuer:
        return issuer == id_token_issuer
    try:
        same_host = http_client.origin_of(issuer) == http_client.origin_of(registration.authorize_url)
    except ValueError:
        return False
    return same_host or discovery.has_endpoints(registration, issuer)


def exchange(registration: ClientRegistration, code: str, verifier: str, redirect_uri: str) -> TokenResponse:
    """Exchange an authorization code for tokens. Raises OAuthError."""
    parameters = {"code": code, "code_verifier": verifier, "redirect_uri": redirect_uri}
    return _request_tokens(registration, "authorization_code", **parameters)


def refresh(registration: ClientRegistration, refresh_token: str) -> TokenResponse:
    """Get new tokens for a refresh token, which may be worthless afterwards. Raises OAuthError."""
    return _request_tokens(registration, "refresh_token", refresh_token=refresh_token)


def client_credentials(registration: ClientRegistration) -> TokenResponse:
    """Get an access token for the application itself or for a service account. Raises OAuthError."""
    if registration.method.grant_type == "client_credentials":
        return _request_tokens(registration, "client_credentials", scope=" ".join(registration.scopes))
    key = ServiceAccountKey.parse(registration.service_account_key)
    scopes = " ".join(registration.scopes)
    assertion = key.assertion(registration.token_url, registration.username, scopes, clock.now())
    return _request_tokens(registration, JWT_BEARER, assertion=assertion, scope=scopes)


def request_device_code(registration: ClientRegistration) -> DeviceCode:
    """Request a code to enter on another device. Raises OAuthError."""
    url, scope = registration.device_authorization_url, " ".join(registration.scopes)
    _require_url(url)
    response = _send(registration, lambda client: client.post(url, {"scope": scope, **registration.targets}))
    data = responses.read_json(response, [registration.client_secret])
    device_code, user_code = data.get("device_code"), data.get("user_code")
    page = str(data.get("verification_uri", data.get("verification_url")))
    lifetime = responses.read_lifetime(data.get("expires_in"), DEFAULT_CODE_LIFETIME, MAX_CODE_LIFETIME)
    try:
        parts = http_client.parse_url(page)
        interval = max(1, min(int(data.get("interval") or DEFAULT_INTERVAL), MAX_INTERVAL))
    except (InvalidUrl, ValueError, TypeError, OverflowError):
        raise InvalidTokenResponse("no_device_code") from None
    codes = _is_code(device_code, responses.MAX_TOKEN_LENGTH) and _is_code(user_code, MAX_USER_CODE_LENGTH)
    if not codes or len(page) > MAX_URL_LENGTH or lifetime is None:
        raise InvalidTokenResponse("no_device_code")
    return DeviceCode(str(device_code), str(user_code), parts.geturl(), lifetime, interval)


def poll_device(registration: ClientRegistration, device_code: str) -> TokenResponse:
    """Get the tokens once the code has been entered. Raises Pending until then, or another OAuthError."""
    return _request_tokens(registration, DEVICE_CODE, device_code=device_code)


def _is_code(value: object, max_length: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= max_length and value.isprintable()


def _request_tokens(registration: ClientRegistration, grant_type: str, **parameters: str) -> TokenResponse:
    _require_url(registration.token_url)
    body = {**registration.targets, **parameters}
    response = _send(
        registration,
        lambda client: client.fetch_token(registration.token_url, grant_type=grant_type, **body),
    )
    secrets = [registration.client_secret, *(parameters.get(name, "") for name in SECRET_PARAMETERS)]
    return responses.read_tokens(response, registration.client_id, secrets)


def _send(registration: ClientRegistration, request: Callable[["_Client"], Response]) -> Response:
    """Send a request with HTTP Basic, or with the client secret in the body if that is rejected.

    Every server must support HTTP Basic (RFC 6749, 2.3.1), but some accept secrets only in the body.
    """
    methods = ["client_secret_basic", "client_secret_post"] if registration.client_secret else ["none"]
    for method in methods if registration.client_id else ["unnamed"]:
        response = request(_Client.create(registration, method))
        if not _client_missing(response):
            break
    return response


def _client_missing(response: Response) -> bool:
    """Return whether the client was not recognised (RFC 6749, 5.2), by the error or by the status 401."""
    try:
        responses.read_json(response)
    except OAuthError as error:
        return response.status == 401 or error.code == "invalid_client"
    return False


def _require_url(url: str) -> None:
    try:
        http_client.parse_url(url)
    except InvalidUrl:
        raise NotConfigured("invalid_url") from None


class _Session:
    """What Authlib sends requests with."""

    def __init__(self, proxy: Proxy | None) -> None:
        self._proxy = proxy

    def post(self, url: str, data: Mapping[str, str], headers: Mapping[str, str], auth: ClientAuth) -> Response:
        """Post a form. Raises ProviderUnavailable or Unanswered."""
        url, sent, body = auth.prepare("POST", url, {**headers, "Content-Type": FORM}, urlencode(data))
        try:
            return http_client.post(url, sent, body.encode(), self._proxy)
        except http_client.NotSent as error:
            cause = _cause(error)
            untrusted = cause["cause"] in network_errors.CERTIFICATES
            raise ProviderUnavailable("token_url_untrusted" if untrusted else "token_url_unreachable", cause) from error
        except OSError as error:
            raise Unanswered("token_url_no_reply", _cause(error)) from error


def _cause(error: OSError) -> dict[str, str]:
    code, params = network_errors.classify(error)
    return {**params, "cause": code}


class _Client(OAuth2Client):
    """Authlib's client with Mailroom's requests; `responses` reads the replies."""

    @classmethod
    def create(cls, registration: ClientRegistration, method: str) -> "_Client":
        """Return a client that authenticates with this method."""
        client = cls(
            _Session(registration.proxy), registration.client_id, registration.client_secret, method, scope=None
        )
        client.register_client_auth_method(("client_secret_basic", _basic))
        client.register_client_auth_method(
            ("unnamed", lambda _client, _method, uri, headers, body: (uri, headers, body))
        )
        return client

    def post(self, url: str, data: Mapping[str, str]) -> Response:
        """Send a request that is not for tokens.

        Besides HTTP Basic, the form names the client too: some servers, such as Microsoft's, expect it there.
        """
        method = self.token_endpoint_auth_method
        named = {"client_id": self.client_id} if method == "client_secret_basic" else {}
        response: Response = self.session.post(
            url, {**data, **named}, {"Accept": "application/json"}, self.client_auth(method)
        )
        return response

    def parse_response_token(self, resp: Response) -> Response:
        """Return the response unread."""
        return resp


def _basic(client: ClientAuth, _method: str, uri: str, headers: dict[str, str], body: str) -> tuple[str, Any, str]:
    """HTTP Basic with both parts form-encoded (RFC 6749, 2.3.1), which Authlib's own omits."""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    return uri, headers, body
