"""A SignalR Core hub of Formula 1 live timing, as much of it as a client needs."""

from __future__ import annotations

import asyncio

import orjson
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse

from racetwin.telemetry.f1_live import END, record

STATE = {
    "Heartbeat": {"Utc": "2026-07-05T14:03:00Z"},
    "DriverList": {"44": {"Tla": "HAM", "TeamName": "Ferrari"}, "81": {"Tla": "PIA", "TeamName": "McLaren"}},
    "SessionInfo": {
        "Key": 9999,
        "Type": "Race",
        "Name": "Race",
        "StartDate": "2026-07-05T15:00:00",
        "EndDate": "2026-07-05T17:00:00",
        "GmtOffset": "01:00:00",
        "Meeting": {"Name": "British Grand Prix", "Number": 11, "Circuit": {"ShortName": "Silverstone"}},
    },
    "SessionData": {"StatusSeries": [{"Utc": "2026-07-05T14:03:00Z", "SessionStatus": "Started"}]},
    "TrackStatus": {"Status": "1"},
    "TimingData": {"Lines": {"44": {"Position": "2", "NumberOfLaps": 3}, "81": {"Position": "1", "NumberOfLaps": 3}}},
}


class Hub:
    """As much of a hub as the client needs; each connection plays the next script of feed calls and then drops."""

    def __init__(self, *scripts, token=None) -> None:
        self.scripts, self.token = list(scripts), token
        self.subscriptions: list[list[str]] = []
        self.cookies: list[str | None] = []
        self.app = FastAPI()
        self.app.options("/hub/negotiate")(self.preflight)
        self.app.post("/hub/negotiate")(self.negotiate)
        self.app.websocket("/hub")(self.connect)

    async def preflight(self):
        answer = Response()
        answer.set_cookie("AWSALBCORS", "sticky")
        return answer

    async def negotiate(self, request: Request):
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            return JSONResponse({"error": "no"}, status_code=401)
        return JSONResponse({"connectionToken": "a token/with+signs", "availableTransports": []})

    async def connect(self, ws: WebSocket):
        assert ws.query_params["id"] == "a token/with+signs"
        self.cookies.append(ws.headers.get("cookie"))
        await ws.accept()
        assert orjson.loads((await ws.receive_text()).rstrip(END)) == {"protocol": "json", "version": 1}
        await ws.send_text("{}" + END)
        asked = orjson.loads((await ws.receive_text()).rstrip(END))
        self.subscriptions.append(asked["arguments"][0])
        # The state's record cut in two, as a network may.
        whole = record({"type": 3, "invocationId": asked["invocationId"], "result": STATE})
        await ws.send_text(whole[:50])
        await ws.send_text(whole[50:])
        for topic, payload, utc in self.scripts.pop(0) if self.scripts else ():
            await ws.send_text(record({"type": 1, "target": "feed", "arguments": [topic, payload, utc]}))
        if self.scripts:
            await ws.close()
            return
        try:
            while True:
                await asyncio.wait_for(ws.receive_text(), 5)
        except (WebSocketDisconnect, TimeoutError):
            pass
