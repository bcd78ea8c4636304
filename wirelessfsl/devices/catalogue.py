"""The catalogue of real devices, from microcontroller to data-centre GPU, by the name that a scenario uses.

The conventions that its figures follow stand in :mod:`wirelessfsl.devices.profiles`.
"""

from __future__ import annotations

from difflib import get_close_matches

from wirelessfsl.devices.boards import EMBEDDED_GPUS, MICROCONTROLLERS_AND_BOARDS
from wirelessfsl.devices.phones import PHONES
from wirelessfsl.devices.profiles import Profile
from wirelessfsl.devices.servers import SERVERS

PROFILES: dict[str, Profile] = {
    device.name: device for device in MICROCONTROLLERS_AND_BOARDS + PHONES + EMBEDDED_GPUS + SERVERS
}
"""Every profile by name."""


def profile(name: str) -> Profile:
    """Profile of that name.

    Raises ValueError for an unknown name: the message has the nearest names and all names.

    >>> profile("raspberry-pi-4").processor.flops_per_s
    57600000000.0
    """
    if name in PROFILES:
        return PROFILES[name]
    near = get_close_matches(name, PROFILES, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    raise ValueError(f"device profile: got {name!r}, must be one of {', '.join(PROFILES)}{hint}")
