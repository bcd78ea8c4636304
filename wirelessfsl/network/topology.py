"""Topology: what lies between the air and the server, and the way that messages take through it.

A graph of access points (sites), switches, edge servers and a cloud, joined by wires; relays stand out in the air and
take messages from the devices that are nearer to them than to their site. Every wire is two queues, one a direction, in
which messages go one after the other: size / rate, then the delay. Routes are the quickest for one packet and do not
change. Left out: congestion control, packets of several messages on one wire at once, and roads that fail over.
"""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal

from wirelessfsl.settings import Kinds, settings
from wirelessfsl.units import BITS_PER_BYTE, Ge, LatencyS, Le, RateBitS

if TYPE_CHECKING:
    import networkx

CoordinateM = Annotated[float, Ge(-1e8), Le(1e8)]
SITE = "site-0"
"""Name of the only site, or of the first."""
PACKET_BYTES = 1500
"""What routes are the quickest for: one Ethernet frame."""


@settings
class Wire:
    """A wire between two nodes of the network, with a queue in each direction.

    A message of b bytes is there 8 b / rate + delay after its turn has come; the next one's comes when the last bit has
    left. Both directions have the rate to themselves.

    ends: names of the two nodes: site-0, site-1, ... are access points; any other name makes a node.
    rate_bit_s: rate in each direction in bit/s, 1 to 1e13.
    delay_s: delay of every message in s, 0 to 3600.
    queue_bytes: bytes that may wait in a direction, >= 0; a message that finds no room is lost. By default any number.
    """

    ends: tuple[str, str]
    rate_bit_s: RateBitS = 1e9
    delay_s: LatencyS = 0.001
    queue_bytes: Annotated[int, Ge(0)] | None = None


@settings
class Relay:
    """A relay: what it receives from a device or the site it sends on, whole and in turn, on a band of its own.

    Decode and forward: a message takes the time of both hops, each at the rate of its own SINR. Between the device and
    the relay there is a band as wide as the medium's, between the relay and the site the medium's own.

    name: name of its node.
    at_m: where it stands, m, as seen from the origin.
    profile: device of the catalogue whose radio it has.
    """

    name: str
    at_m: tuple[CoordinateM, CoordinateM]
    profile: str = "raspberry-pi-4"


@settings
class Direct:
    """The server is at the site: a message is in the air, and there.

    >>> Direct().path("site-0", "server")
    []
    """

    kind: Literal["direct"] = "direct"

    @property
    def relays(self) -> tuple[Relay, ...]:
        """None."""
        return ()

    @property
    def server(self) -> str:
        """Where the server is: at the site."""
        return SITE

    @property
    def wires_to_server(self) -> list[Wire]:
        """None."""
        return []

    def path(self, start: str, end: str) -> list[tuple[str, str]]:
        """No wires."""
        return []


@settings
class Graph:
    """A network of wires behind the sites, with the server somewhere in it, and relays before them.

    Messages go where one packet of 1500 bytes is there first, the least sum of delay + 8 * 1500 / rate over the wires,
    as found by Dijkstra, "A Note on Two Problems in Connexion with Graphs", Numerische Mathematik 1 (1959).

    wires: the wires; all nodes must hang together.
    server: name of the node that the server is.
    relays: relays in the air; a device uses the nearest if that is nearer than its site.

    Raises ValueError if the wires do not reach from the site to the server, a name is twice a wire's end or a relay's,
    or a wire is there twice.

    >>> Graph(wires=(Wire(ends=("site-0", "edge")), Wire(ends=("edge", "cloud")))).path("site-0", "cloud")
    [('site-0', 'edge'), ('edge', 'cloud')]
    """

    kind: Literal["graph"] = "graph"
    wires: tuple[Wire, ...] = (Wire(ends=(SITE, "cloud"), delay_s=0.01),)
    server: str = "cloud"
    relays: tuple[Relay, ...] = ()

    def __post_init__(self) -> None:
        ends = [frozenset(wire.ends) for wire in self.wires]
        for i, pair in enumerate(ends):
            if len(pair) < 2:
                raise ValueError(f"wires.{i}.ends: got {self.wires[i].ends}, must be two different nodes")
            if pair in ends[:i]:
                raise ValueError(f"wires.{i}.ends: got {self.wires[i].ends} again, must be there once")
        nodes = {name for pair in ends for name in pair}
        names = [relay.name for relay in self.relays]
        for i, name in enumerate(names):
            if name in nodes or name in names[:i] or name.startswith(("client-", "server")):
                raise ValueError(f"relays.{i}.name: got {name!r}, must be a name that no other node has")
        for name in (SITE, self.server):
            if name not in nodes:
                raise ValueError(f"wires: got none at {name!r}, must join {SITE!r} and the server {self.server!r}")
        apart = sorted(nodes - self._reached)
        if apart:
            raise ValueError(f"wires: got no way from {SITE!r} to {apart[0]!r}, must be a network that hangs together")

    @cached_property
    def wired(self) -> networkx.Graph:
        """The wires as a graph; ``seconds`` of an edge are those of one packet."""
        import networkx

        graph = networkx.Graph()
        for wire in self.wires:
            seconds = wire.delay_s + PACKET_BYTES * BITS_PER_BYTE / wire.rate_bit_s
            graph.add_edge(*wire.ends, seconds=seconds, wire=wire)
        return graph

    @property
    def _reached(self) -> set[str]:
        import networkx

        reached: set[str] = networkx.node_connected_component(self.wired, SITE)
        return reached

    def path(self, start: str, end: str) -> list[tuple[str, str]]:
        """Wires on the quickest way for a packet from one node to another, in turn, as pairs of nodes."""
        import networkx

        nodes = networkx.shortest_path(self.wired, start, end, weight="seconds")
        return list(pairwise(nodes))

    @property
    def wires_to_server(self) -> list[Wire]:
        """The wires from the first site to the server, in turn."""
        return [self.wire(*ends) for ends in self.path(SITE, self.server)]

    def seconds(self, start: str, end: str) -> float:
        """Time of a packet on the quickest way from one node to another, s."""
        return float(sum(self.wired.edges[pair]["seconds"] for pair in self.path(start, end)))

    def wire(self, start: str, end: str) -> Wire:
        """The wire between two neighbours."""
        wire: Wire = self.wired.edges[start, end]["wire"]
        return wire


Topology = Annotated[Direct | Graph, Kinds()]
