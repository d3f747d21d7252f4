"""Made-up teams and drivers for races that are drawn from the model; none of them exists."""

from __future__ import annotations

from typing import NamedTuple


class Entrant(NamedTuple):
    """A driver who does not exist."""

    number: int
    driver: str
    name: str
    team: str


ENTRANTS: tuple[Entrant, ...] = (
    Entrant(7, "ADK", "Ansel Adekunle", "Aurora Racing"),
    Entrant(42, "BRV", "Bruno Verane", "Aurora Racing"),
    Entrant(11, "CAV", "Carlo Cavendal", "Boreal Motorsport"),
    Entrant(36, "DLM", "Dario Delmonte", "Boreal Motorsport"),
    Entrant(5, "EKS", "Elias Ekstrand", "Cobalt Works"),
    Entrant(52, "FJD", "Freya Fjeld", "Cobalt Works"),
    Entrant(19, "GRN", "Gil Granwood", "Dune Racing Team"),
    Entrant(73, "HLT", "Hugo Halte", "Dune Racing Team"),
    Entrant(9, "IVK", "Ilja Ivkovar", "Ember GP"),
    Entrant(64, "JNO", "Jun Onodera", "Ember GP"),
    Entrant(28, "KVM", "Kaarlo Vaimo", "Falcon Engineering"),
    Entrant(88, "LMB", "Luisa Lambrecht", "Falcon Engineering"),
    Entrant(15, "MRX", "Milo Marx-Ruiz", "Granite Racing"),
    Entrant(47, "NKW", "Noor Nkweti", "Granite Racing"),
    Entrant(2, "OST", "Ole Ostrander", "Halcyon Motorsport"),
    Entrant(59, "PRD", "Paulo Prado Lima", "Halcyon Motorsport"),
    Entrant(33, "QNT", "Quim Quintal", "Indigo Racing"),
    Entrant(91, "RVN", "Ravi Ravindel", "Indigo Racing"),
    Entrant(21, "SVT", "Silje Svartdal", "Juniper GP"),
    Entrant(66, "TRK", "Tariq Trenk", "Juniper GP"),
    Entrant(13, "UHL", "Udo Uhlmann", "Kestrel Racing"),
    Entrant(80, "WYN", "Wyn Wynford", "Kestrel Racing"),
    Entrant(38, "XVR", "Xaver Oberlin", "Larkspur GP"),
    Entrant(97, "YSK", "Yuna Yskamp", "Larkspur GP"),
)
"""Twelve teams of two, as many as any feed carries; teams in no order of strength."""
