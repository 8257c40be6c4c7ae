"""An issuer of tokens as Kubernetes is one, with real keys, which it tells over HTTP as it is asked."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

AUDIENCE = "headwater"
PASSWORD = "token-of-the-server"
"""What the issuer tells its keys for, as an API server of Kubernetes does."""
TRAINER = "system:serviceaccount:ml:trainer"


class Issuer:
    """Signs tokens, and counts how often it was asked for its keys."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked = 0
        self.is_away = False
        self.keys: dict[str, Any] = {}
        self.add_key("first")

    def add_key(self, kid: str, kind: str = "RSA") -> None:
        """Has a new key, beside those it has."""
        curve = ec.SECP256R1()
        self.keys[kid] = rsa.generate_private_key(65537, 2048) if kind == "RSA" else ec.generate_private_key(curve)

    def token(self, subject: str = TRAINER, kid: str = "first", **changes: Any) -> str:
        """A good token, but for what is changed; None takes a claim away."""
        _, _, namespace, name = [*subject.split(":"), "", "", "", ""][:4]
        claims = {
            "iss": self.url,
            "sub": subject,
            "aud": [AUDIENCE],
            "iat": int(time.time()),
            "exp": int(time.time()) + 600,
            "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name, "uid": "1"}},
        } | changes
        key = self.keys[kid]
        algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
        kept = {claim: value for claim, value in claims.items() if value is not None}
        return jwt.encode(kept, key, algorithm, headers={"kid": kid})

    def key_set(self) -> dict[str, Any]:
        """The public keys, and a shared secret that must not be used."""
        described = []
        for kid, key in self.keys.items():
            algorithm: Any = jwt.get_algorithm_by_name("RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256")
            described.append(json.loads(algorithm.to_jwk(key.public_key())) | {"kid": kid, "use": "sig"})
        return {"keys": [*described, {"kty": "oct", "kid": "secret", "k": "c2VjcmV0" * 8, "alg": "HS256"}]}


@contextmanager
def serving_issuer() -> Iterator[Issuer]:
    """An issuer that answers on the loopback, with its discovery document and its keys.

    Whoever does not accept what it has to say is told 406, as by an API server of Kubernetes.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked += self.path == "/keys"
            status, answer = 200, {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys"}
            kind = "application/jwk-set+json" if self.path == "/keys" else "application/json"
            if issuer.is_away or self.headers["authorization"] != f"Bearer {PASSWORD}":
                status, answer = (503 if issuer.is_away else 401), {}
            elif not {kind, "*/*"} & {each.strip() for each in self.headers.get("accept", "").split(",")}:
                status, answer = 406, {}
            elif self.path == "/keys":
                answer = issuer.key_set()
            self.send_response(status)
            self.send_header("content-type", kind)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = Issuer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield issuer
    server.shutdown()
    thread.join()
    server.server_close()
