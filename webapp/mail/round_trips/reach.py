"""Ask from here whether the public URL leads to this Mailroom, and how a request arrives that comes through it.

Question and answer are both signed with this installation's keys, so only this Mailroom can ask and answer.
"""

import hmac
import json
import secrets
from collections.abc import Sequence
from typing import Any

from webapp.core import http_client
from webapp.core.http_client import InvalidUrl
from webapp.core.network_errors import classify
from webapp.core.sealing import Sealer
from webapp.mail.round_trips.notices import REACHED, Notice

PATH = "/round-trip/check/"
# Seconds for all of it.
TIMEOUT = 5.0
PURPOSE = "round trip"


def ask(sealer: Sealer, public_url: str) -> list[Notice]:
    """Return whether this Mailroom answers at the public URL, and what it noticed of the request."""
    nonce = secrets.token_urlsafe(16)
    try:
        response = http_client.get(f"{public_url}{PATH}{question(sealer, nonce)}", {}, timeout=TIMEOUT)
    except InvalidUrl:
        return [Notice("not_asked")]
    except OSError as error:
        cause, params = classify(error)
        return [Notice("unreachable", {**params, "cause": cause})]
    found = _read(response.body) if response.status == 200 else {}
    noticed = str(found.get("notices", ""))
    if not noticed.isascii() or not is_answer(sealer, nonce, noticed, str(found.get("answer", ""))):
        return [Notice("somebody_else", {"status": str(response.status)})]
    return [Notice(REACHED), *map(Notice.from_json, json.loads(noticed))]


def question(sealer: Sealer, nonce: str) -> str:
    """Return the question with this nonce."""
    return f"{nonce}.{_proofs(sealer, 'question', nonce)[0]}"


def is_answer(sealer: Sealer, nonce: str, noticed: str, given: str) -> bool:
    """Return whether an installation with these keys has given this answer, and noticed just that."""
    return _is_proof(sealer, f"answer {noticed}", nonce, given)


def answer(sealer: Sealer, asked: str, notices: Sequence[Notice]) -> dict[str, Any] | None:
    """Return the answer to a question of `ask`; None if it is no such question."""
    nonce, _dot, proof = asked.partition(".")
    if not _is_proof(sealer, "question", nonce, proof):
        return None
    # Whatever the answer comes through can't change a word of it.
    noticed = json.dumps([one.to_json() for one in notices])
    return {"answer": _proofs(sealer, f"answer {noticed}", nonce)[0], "notices": noticed}


def _read(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_proof(sealer: Sealer, of: str, nonce: str, proof: str) -> bool:
    return any(hmac.compare_digest(proof.encode(errors="replace"), one.encode()) for one in _proofs(sealer, of, nonce))


def _proofs(sealer: Sealer, of: str, nonce: str) -> list[str]:
    """Return the proof by each key, that of the current key first."""
    return [one.hex() for one in sealer.derive_secrets(f"{of} {nonce}", PURPOSE)]
