"""A test for each line of the threat model (docs/threat-model.md)."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
import ssl
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from racetwin.api.security import MAX_BODY, Buckets, Policy, required_role
from racetwin.config import Settings
from racetwin.errors import ConfigurationError
from racetwin.schemas import TelemetryFrame
from racetwin.tokens import secret_for, tokens_of

pytestmark = pytest.mark.integration

ROLES = "read:look-only,ingest:send-too,control:do-all"


def settings(**values: Any) -> Settings:
    token = values.pop("token", None)
    return Settings(token=SecretStr(token) if token else None, **values)


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture(scope="module")
def guarded(race: list[TelemetryFrame], tmp_path_factory: pytest.TempPathFactory, serve_guarded: Any) -> Any:
    with serve_guarded(race[:40], tmp_path_factory.mktemp("guarded"), token=ROLES, journal=True) as server:
        yield server


def test_wider_than_loopback_needs_a_token() -> None:
    with pytest.raises(ConfigurationError, match="set RACETWIN_TOKEN"):
        Policy.of(settings(host="0.0.0.0"))
    assert not Policy.of(settings(host="0.0.0.0", token="secret")).loopback


def test_without_the_token_nothing_of_the_race_is_told(guarded: Any) -> None:
    for path in ("car-twin", "telemetry", "health", "metrics", "strategy/plans", "schema/telemetry"):
        answer = guarded.get(path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == "Bearer"
        assert guarded.get(path, headers=bearer("wrong")).status_code == 401
    assert guarded.get("version").status_code == 200


@pytest.mark.parametrize(
    ("secret", "method", "path", "status"),
    [
        ("look-only", "GET", "telemetry", 200),
        ("look-only", "POST", "telemetry", 403),
        ("look-only", "POST", "control", 403),
        ("send-too", "POST", "telemetry", 202),
        ("send-too", "POST", "control", 403),
        ("do-all", "POST", "telemetry", 202),
        ("do-all", "POST", "control", 422),
    ],
)
def test_role_decides_what_is_allowed(guarded: Any, secret: str, method: str, path: str, status: int) -> None:
    answer = guarded.client.request(
        method, f"/api/v1/{path}", headers=bearer(secret), content=b"{}" if method == "POST" else None
    )
    assert answer.status_code == status


def test_socket_needs_the_token_too(guarded: Any) -> None:
    url = guarded.url.replace("http", "ws") + "/ws"
    with pytest.raises(InvalidStatus) as refused:
        connect(url, proxy=None)
    assert refused.value.response.status_code == 403
    with connect(url, proxy=None, additional_headers=bearer("look-only")) as socket:
        socket.send('{"type": "subscribe"}')
        assert socket.recv(10)


def test_token_in_the_address_is_not_taken(guarded: Any) -> None:
    assert guarded.get("telemetry", params={"token": "do-all"}).status_code == 401


def test_secret_is_nowhere_to_be_read(guarded: Any, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.DEBUG)
    texts = [
        guarded.get(p, headers=bearer("do-all")).text for p in ("health", "metrics", "system/performance", "nonsense")
    ]
    texts.append(guarded.get("telemetry", headers=bearer("do-all-but-wrong")).text)
    texts.append(caplog.text)
    texts.append(repr(settings(token=ROLES)))
    journal = guarded.call(lambda: guarded.runner.journal.journal.path)
    with sqlite3.connect(journal) as db:
        texts.extend("\n".join(db.iterdump()).splitlines())
    assert not any(s in t for t in texts for s in ("do-all", "send-too", "look-only"))


def test_page_of_another_site_may_neither_read_nor_send(served: Any) -> None:
    for origin in ("https://evil.example", "null", "http://127.0.0.1.evil.example", "http://[::1"):
        answer = served.get("telemetry", headers={"Origin": origin})
        assert answer.status_code == 403, origin
    assert served.get("telemetry", headers={"Origin": "http://127.0.0.1:8866"}).status_code == 200


def test_name_that_was_rebound_to_us_is_not_answered(served: Any) -> None:
    for host in ("evil.example", "evil.example:8080", "127.0.0.1.evil.example"):
        assert served.get("telemetry", headers={"Host": host}).status_code == 421, host
    assert served.get("telemetry", headers={"Host": "localhost:8080"}).status_code == 200


def test_long_body_is_refused_before_it_is_read(served: Any) -> None:
    answer = served.post("telemetry", content=b"x" * (MAX_BODY + 1))
    assert answer.status_code == 413

    def drip() -> Any:
        for _ in range(40):
            yield b"x" * 40_000

    try:
        answer = served.post("telemetry", content=drip())
        assert answer.status_code == 413
    except httpx.HTTPError:
        pass  # the door was shut in its face: fine, too
    assert served.get("version").status_code == 200


def test_too_many_requests_are_slowed_down_and_counted() -> None:
    now = [0.0]
    buckets = Buckets(rate=10.0, burst=5.0, clock=lambda: now[0])
    assert [buckets.take("a") for _ in range(7)] == [True] * 5 + [False] * 2
    assert buckets.take("b")
    now[0] = 1.0
    assert [buckets.take("a") for _ in range(6)] == [True] * 5 + [False]


def test_clients_without_number_do_not_fill_the_memory() -> None:
    buckets = Buckets()
    for i in range(20_000):
        buckets.take(f"10.0.{i // 256}.{i % 256}")
    assert len(buckets._left) <= 4096


def test_too_many_subscribers_are_turned_away(served: Any) -> None:
    hub = served.call(lambda: None) or served
    app_hub = next(h for h in _hubs(served))
    before = app_hub.limit
    app_hub.limit = len(app_hub.subscribers)
    try:
        with pytest.raises(InvalidStatus):
            connect(served.url.replace("http", "ws") + "/ws", proxy=None)
    finally:
        app_hub.limit = before
    assert hub is served


def _hubs(served: Any) -> list[Any]:
    """Find the hub among the listeners of the engine."""
    listeners = served.runner.publishing._listeners
    return [f.__self__ for f in listeners if hasattr(getattr(f, "__self__", None), "subscribers")]


@pytest.mark.parametrize(
    ("secret", "pairs"),
    [
        (None, ()),
        ("one", (("one", "control"),)),
        ("read:a,ingest:b", (("a", "read"), ("b", "ingest"))),
        ("some:thing", (("some:thing", "control"),)),
        ("read:", (("read:", "control"),)),
        ("read:a,oops", (("read:a,oops", "control"),)),
    ],
)
def test_how_the_token_setting_is_read(secret: str | None, pairs: Any) -> None:
    assert tokens_of(settings(token=secret)) == pairs


def test_least_secret_that_will_do() -> None:
    assert secret_for(settings(token=ROLES), "ingest") == "send-too"
    assert secret_for(settings(token="read:a,control:c"), "ingest") == "c"
    assert secret_for(settings(), "ingest") is None


def test_what_each_request_needs() -> None:
    assert required_role("POST", "/api/v1/telemetry") == "ingest"
    assert required_role("POST", "/api/v1/telemetry/") == "ingest"
    assert required_role("GET", "/api/v1/telemetry") == "read"
    assert required_role("POST", "/api/v1/control") == "control"
    assert required_role("POST", "/api/v1/strategy/what-if") == "read"


def test_strange_headers_do_no_harm() -> None:
    policy = Policy.of(settings())
    for raw in (b"", b"\xff\xfe", b"[", b"http://[", b"a" * 10_000):
        headers = Headers(raw=[(b"host", raw), (b"origin", raw), (b"authorization", raw)])
        assert policy.host_allowed(headers) in (True, False)
        assert policy.origin_allowed(headers) in (True, False)


def test_error_tells_nothing_of_the_inside(served: Any) -> None:
    answer = served.get("car-twin", params={"car_id": "1; DROP TABLE runs"})
    assert answer.status_code == 422
    assert "Traceback" not in answer.text
    assert "/racetwin/" not in answer.text
    assert served.client.get("/../../etc/passwd").status_code == 404


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate of this test")
def test_certificate_encrypts_the_api(race: list[TelemetryFrame], tmp_path: Path) -> None:
    from racetwin.api.serve import serving
    from racetwin.runtime.session import open_session

    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *names]
    subprocess.run([*made, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    chosen = settings(state=tmp_path, library=tmp_path, data=None, api_port=0, tls_certificate=certificate, tls_key=key)

    async def ask() -> str:
        session = open_session(chosen, simulated=True, speed=1.0, keep=False)
        async with serving(session, chosen) as (url, _):
            context = ssl.create_default_context(cafile=str(certificate))
            async with httpx.AsyncClient(verify=context, trust_env=False) as client:
                return (await client.get(url.replace("http", "https") + "/api/v1/version")).json()["api"]

    assert asyncio.run(ask()) == "v1"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate of this test")
async def test_certificate_encrypts_telemetry_too(tmp_path: Path) -> None:
    from websockets.asyncio.client import connect as connect_async

    from racetwin.telemetry.feed_opening import open_feed

    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *names]
    subprocess.run([*made, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    chosen = settings(telemetry_port=0, tls_certificate=certificate, tls_key=key)
    server: Any = open_feed("websocket-server", chosen)
    async with server:
        context = ssl.create_default_context(cafile=str(certificate))
        async with connect_async(f"wss://127.0.0.1:{server.port}", ssl=context, proxy=None) as socket:
            await socket.send('{"type":"ping"}')
            assert "pong" in str(await socket.recv())


def test_page_asks_for_a_token_where_others_can_reach_it() -> None:
    from racetwin.runtime.race_day import run_race_day
    from racetwin.runtime.voila_child import page_token

    assert page_token(settings()) is None
    assert page_token(settings(host="0.0.0.0", token=ROLES)) == "look-only"
    with pytest.raises(ConfigurationError, match="set RACETWIN_TOKEN"):
        run_race_day(simulated=True, settings=settings(host="0.0.0.0"))


def test_certificate_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    from racetwin.api.serve import run_server

    chosen = settings(state=tmp_path, library=tmp_path, data=None, api_port=0, tls_certificate=tmp_path / "none.pem")
    with pytest.raises(ConfigurationError, match="RACETWIN_TLS_CERTIFICATE"):
        run_server(simulated=True, settings=chosen)
