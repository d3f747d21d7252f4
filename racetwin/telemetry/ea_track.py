"""The status of the track in the EA game: from its session packets and from its events, which are told once."""

from __future__ import annotations

from typing import Any

from racetwin.schemas import TrackStatus

_YELLOW_FLAG = 3


class GameTrack:
    """Flags and safety cars, as they follow from what the game has said so far."""

    def __init__(self) -> None:
        self._red = False
        self._yellow = False
        self._safety_car = 0
        self._ending = False

    @property
    def status(self) -> TrackStatus:
        """The status now."""
        if self._red:
            return TrackStatus.RED
        if self._safety_car == 1:
            return TrackStatus.SC
        if self._safety_car == 2:
            return TrackStatus.VSC_ENDING if self._ending else TrackStatus.VSC
        return TrackStatus.YELLOW if self._yellow else TrackStatus.GREEN

    def see(self, session: Any) -> None:
        """Take a session packet's body."""
        zones = session.marshal_zones[: min(session.num_marshal_zones, len(session.marshal_zones))]
        self._yellow = any(z.zone_flag == _YELLOW_FLAG for z in zones)
        if self._safety_car != session.safety_car_status:
            self._safety_car, self._ending = session.safety_car_status, False

    def hear(self, code: str | None, details: Any) -> str | None:
        """Take an event; return what race control would say of it, None for one it would not speak of."""
        match code:
            case "RDFL":
                self._red = True
                return "RED FLAG"
            case "LGOT":
                self._red = False
                return "LIGHTS OUT"
            case "CHQF":
                return "CHEQUERED FLAG"
            case "FLBK" if details is not None:
                return "FLASHBACK"
            case "SCAR" if details.safety_car_type in (1, 2):
                return self._safety_car_event(details.safety_car_type, details.event_type)
            case "RTMT" if getattr(details, "vehicle_idx", None) is not None:
                return "RETIRED"
            case "PENA":
                return f"PENALTY {details.penalty_type} FOR INFRINGEMENT {details.infringement_type}"
            case _:
                return None

    def _safety_car_event(self, kind: int, what: int) -> str:
        if what == 0:
            self._safety_car, self._ending = kind, False
        self._ending = self._ending or what == 1
        self._red = self._red and what != 3
        return (
            f"{('', 'SAFETY CAR', 'VIRTUAL SAFETY CAR')[kind]} {('DEPLOYED', 'ENDING', 'IN', 'RESUME')[min(what, 3)]}"
        )
