"""A small race that tests share: four cars, eight laps, a stop, a safety car, a retirement and a lapped car."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from racetwin.telemetry.records import RaceRecord


def small_laps() -> pd.DataFrame:
    pace = {"1": 90.0, "2": 90.5, "3": 91.0, "4": 104.0}
    rows = []
    for slot, (car, lap_s) in enumerate(pace.items()):
        clock = 0.0
        for lap in range(1, 9):
            if car == "3" and lap > 5:
                break
            if car == "4" and lap > 7:
                break
            t = lap_s + (4.0 + 0.3 * slot if lap == 1 else 0.0)
            row = {
                "driver_number": int(car), "driver": "ABCD"[slot] * 3, "team": f"Team {slot // 2}", "lap": lap,
                "compound": "MEDIUM", "stint": 1, "tyre_age": lap, "fresh_tyre": True, "track_status": "1",
                "pit_in_time_s": None, "pit_out_time_s": None, "pit_stop": False,
            }  # fmt: skip
            if car == "2" and lap == 3:
                t += 3.0
                row |= {"pit_in_time_s": clock + t - 2.0, "pit_stop": True}
            if car == "2" and lap == 4:
                row["pit_out_time_s"] = clock + 18.0
                t += 17.0
            if car == "2" and lap >= 4:
                row |= {"compound": "HARD", "stint": 2, "tyre_age": lap - 3}
            if lap in (5, 6) and not (car == "4" and lap == 6):
                t *= 1.4
                row["track_status"] = "14" if lap == 5 else "41"
            if car == "4" and lap == 5:
                row["track_status"] = "4"
            clock += t
            rows.append(
                row | {"lap_time_s": t, "race_time_s": clock, "last_lap_before_retirement": car == "3" and lap == 5}
            )
    return pd.DataFrame(rows)


def small_record(**more: object) -> RaceRecord:
    given = {
        "race_id": "2024-99-test",
        "season": 2024,
        "circuit_id": "silverstone",
        "total_laps": 8,
        "lap_length_km": 5.0,
    }
    return RaceRecord.from_laps(small_laps(), **{**given, "grid": {"1": 1, "2": 2, "3": 3, "4": 4}, **more})


@pytest.fixture(scope="session")
def record() -> RaceRecord:
    return small_record()


@pytest.fixture
def encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[ssl.SSLContext, ssl.SSLContext, Path, Path]:
    """A certificate for localhost that this process trusts, as a context for a server, and one that nobody trusts.

    The files of the first, certificate and key, follow.
    """
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate of this test")

    def made(name: str) -> tuple[ssl.SSLContext, Path, Path]:
        key, certificate = tmp_path / f"{name}.key", tmp_path / f"{name}.pem"
        asked = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
        asked += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
        subprocess.run(asked, check=True, capture_output=True)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        return context, certificate, key

    ours, certificate, key = made("ours")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return ours, made("strange")[0], certificate, key
