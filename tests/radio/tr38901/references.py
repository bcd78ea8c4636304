"""Reference values of TR 38.901, and the scenarios that they are of."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from wirelessfsl.radio.tr38901.drop import Scenario
from wirelessfsl.radio.tr38901.inf import InF
from wirelessfsl.radio.tr38901.inh import InH
from wirelessfsl.radio.tr38901.rma import RMa
from wirelessfsl.radio.tr38901.uma import UMa
from wirelessfsl.radio.tr38901.umi import UMi
from wirelessfsl.radio.tr38901.ways import Ways
from wirelessfsl.streams import Floats

SCENARIOS: dict[str, Scenario] = {
    "UMa": UMa(),
    "UMi": UMi(),
    "RMa": RMa(),
    "InH": InH(),
    "InH-mixed": InH(office="mixed"),
    "InH-open": InH(office="open"),
    "InF-SL": InF(hall="sl"),
    "InF-DL": InF(hall="dl"),
    "InF-SH": InF(hall="sh"),
    "InF-DH": InF(hall="dh"),
}


def rows(name: str) -> list[dict[str, str]]:
    with (Path(__file__).parent / f"{name}.csv").open() as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def ways(distance_m: Floats, height_m: float = 1.5, line_of_sight: bool = True, draw: float = 0.5) -> Ways:
    """Links outdoors, all of one height and condition."""
    distance_m = np.asarray(distance_m, dtype=np.float64)
    shape = distance_m.shape
    seen = np.full(shape, line_of_sight)
    return Ways(distance_m, np.full(shape, height_m), seen, np.zeros(shape, np.bool_), np.full((2, *shape), draw))
