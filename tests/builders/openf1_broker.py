"""An MQTT broker as OpenF1 has one, as much of it as one subscriber needs; over TCP or WebSocket."""

from __future__ import annotations

import json
import struct

TOKEN = "openf1-secret-token"


class Broker:
    """As much of an MQTT 3.1.1 broker as one subscriber needs: connect with a password, subscribe, be published to."""

    def __init__(self, messages, token=TOKEN, drop_after=None) -> None:
        self.messages, self.token, self.drop_after = list(messages), token, drop_after
        self.subscribed: list[str] = []
        self.connections = 0

    def answers(self, kind: int, body: bytes):
        """Return what to send for a packet, and whether to go on."""
        if kind == 1:
            self.connections += 1
            return (b"\x20\x02\x00\x00", True) if self._password(body) == self.token else (b"\x20\x02\x00\x05", False)
        if kind == 8:
            at_, granted = 2, b""
            while at_ < len(body):
                (size,) = struct.unpack_from(">H", body, at_)
                self.subscribed.append(body[at_ + 2 : at_ + 2 + size].decode())
                granted += b"\0"
                at_ += 3 + size
            out = bytes([0x90, 2 + len(granted)]) + body[:2] + granted
            count = self.drop_after if self.drop_after is not None else len(self.messages)
            now, self.messages = self.messages[:count], self.messages[count:]
            drop, self.drop_after = self.drop_after is not None, None
            return out + b"".join(self._publish(*m) for m in now), not drop
        return (b"\xd0\x00", True) if kind == 12 else (b"", kind != 14)

    @staticmethod
    def _password(body: bytes) -> str | None:
        def field(i):
            (size,) = struct.unpack_from(">H", body, i)
            return body[i + 2 : i + 2 + size], i + 2 + size

        _, i = field(0)
        flags, i = body[i + 1], i + 4
        _, i = field(i)
        if not flags & 0x40:
            return None
        _, i = field(i)
        return field(i)[0].decode()

    @staticmethod
    def _publish(collection: str, data) -> bytes:
        topic = f"v1/{collection}".encode()
        payload = data if isinstance(data, bytes) else json.dumps(data).encode()
        body = struct.pack(">H", len(topic)) + topic + payload
        size, length = len(body), b""
        while True:
            size, low = divmod(size, 128)
            length += bytes([low | (0x80 if size else 0)])
            if not size:
                return b"\x30" + length + body

    async def tcp(self, reader, writer):
        buffer = b""
        try:
            while data := await reader.read(65536):
                buffer += data
                buffer, packets = cut(buffer)
                for kind, body in packets:
                    out, go_on = self.answers(kind, body)
                    writer.write(out)
                    await writer.drain()
                    if not go_on:
                        return
        finally:
            writer.close()

    async def ws(self, socket):
        buffer = b""
        async for data in socket:
            buffer, packets = cut(buffer + data)
            for kind, body in packets:
                out, go_on = self.answers(kind, body)
                if out:
                    await socket.send(out)
                if not go_on:
                    return


def cut(buffer: bytes):
    """Cut whole MQTT packets off a buffer."""
    packets = []
    while len(buffer) >= 2:
        size, shift, i = 0, 0, 1
        while i < len(buffer):
            size |= (buffer[i] & 127) << shift
            shift += 7
            i += 1
            if not buffer[i - 1] & 128:
                break
        if len(buffer) < i + size:
            break
        packets.append((buffer[0] >> 4, buffer[i : i + size]))
        buffer = buffer[i + size :]
    return buffer, packets
