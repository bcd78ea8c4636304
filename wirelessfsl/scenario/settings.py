"""A scenario as nested frozen dataclasses: it reads like the YAML, and its parts are what the simulator uses."""

from __future__ import annotations

from typing import Annotated, Literal

from wirelessfsl.algorithms.async_sl import AsyncSL
from wirelessfsl.algorithms.centralised import Centralised
from wirelessfsl.algorithms.cpsl import CPSL
from wirelessfsl.algorithms.epsl import EPSL
from wirelessfsl.algorithms.fedavg import FedAvg
from wirelessfsl.algorithms.fedem import FedEM
from wirelessfsl.algorithms.fedlite import FedLite
from wirelessfsl.algorithms.fedprox import FedProx
from wirelessfsl.algorithms.fedsl import FedSL
from wirelessfsl.algorithms.local_only import LocalOnly
from wirelessfsl.algorithms.mtsl import MTSL
from wirelessfsl.algorithms.parallel_sl import ParallelSL
from wirelessfsl.algorithms.pfsl import PFSL
from wirelessfsl.algorithms.sfl_ga import SFLGA
from wirelessfsl.algorithms.split_learning import SplitLearning
from wirelessfsl.algorithms.splitfed_v1 import SplitFedV1
from wirelessfsl.algorithms.splitfed_v2 import SplitFedV2
from wirelessfsl.algorithms.splitfed_v3 import SplitFedV3
from wirelessfsl.codecs.c3_sl import C3SL
from wirelessfsl.codecs.cast import Cast
from wirelessfsl.codecs.clustering import Clustering
from wirelessfsl.codecs.dropout import Dropout
from wirelessfsl.codecs.identity import Identity
from wirelessfsl.codecs.lossless import Deflate, ErrorFeedback, RangeCoder, Zstd
from wirelessfsl.codecs.power_sgd import PowerSGD
from wirelessfsl.codecs.quantize import Quantize
from wirelessfsl.codecs.sparse import RandomK, RandTopK, Threshold, TopK
from wirelessfsl.codecs.stochastic import QSGD, Sign, Ternary
from wirelessfsl.devices.battery import BatteryModel, NoBattery
from wirelessfsl.devices.compute import Jitter, NoJitter, Processor
from wirelessfsl.devices.economy import Economy, FullSpeed
from wirelessfsl.devices.failures import Failures, NoFailures
from wirelessfsl.devices.radio_power import RadioModel
from wirelessfsl.engine.access import Fdma, MediumSettings
from wirelessfsl.engine.participation import Participation
from wirelessfsl.engine.transport import Transport
from wirelessfsl.learning.partition import Dirichlet, Partition
from wirelessfsl.learning.weights import Pretrained
from wirelessfsl.network.cells import Cells, Single
from wirelessfsl.network.failures import Blockage, LinkFailure, NoBlockage
from wirelessfsl.network.layout import Disc, Layout
from wirelessfsl.network.mobility import Mobility, Static
from wirelessfsl.network.topology import Direct, Topology
from wirelessfsl.radio.link import Channel
from wirelessfsl.scenario.hierarchy import Flat, Hierarchy
from wirelessfsl.scenario.presets import PresetName
from wirelessfsl.settings import Kinds, OrWord, settings
from wirelessfsl.units import Count, Fraction, Ge, Gt, Le, Lt

Algorithm = Annotated[
    SplitFedV1
    | SplitFedV2
    | SplitFedV3
    | SplitLearning
    | ParallelSL
    | CPSL
    | EPSL
    | SFLGA
    | AsyncSL
    | FedSL
    | FedLite
    | MTSL
    | PFSL
    | FedAvg
    | FedProx
    | FedEM
    | LocalOnly
    | Centralised,
    Kinds(),
]
CodecKind = Annotated[
    Identity
    | Cast
    | Quantize
    | QSGD
    | Sign
    | Ternary
    | TopK
    | RandTopK
    | RandomK
    | Threshold
    | Dropout
    | Clustering
    | C3SL
    | PowerSGD
    | Deflate
    | Zstd
    | RangeCoder
    | ErrorFeedback,
    Kinds(),
]


@settings
class Data:
    """Which samples there are and who has them.

    name: data set: digits (ships with scikit-learn), blobs (random), or files: mnist, fashion_mnist, cifar10 (all three
        after wirelessfsl download), images (class folders of your own, or a zip of them), text (predict the next
        character).
    clients: number of clients.
    partition: how the training samples are dealt to the clients.
    test_fraction: share of all samples held out for testing, in (0, 1); by default the data set's own test half, or
        0.2 where it has none. Of a text it is the end of each part (of the text, of a client's run, of a speaker).
    root: folder of the data set's files, for images also a zip, for text also a file; by default
        $WIRELESSFSL_DATA/<name>, without that variable data/<name>.
    image_size: side in pixels to which images are resized, 1 to 4096; by default they stay as they are.
    sequence_length: characters of a text that a sample consists of, 1 to 10,000; its label is the next one.
    stride: characters from one sample of a text to the next, >= 1; by default sequence_length, so that samples do not
        overlap.
    public_fraction: share of the training samples, in (0, 1), that stays at the server for model.pretrained and is
        dealt to no client; by default none.
    """

    name: Literal["blobs", "cifar10", "digits", "fashion_mnist", "images", "mnist", "text"]
    clients: Count = 10
    partition: Partition = Dirichlet()
    test_fraction: Annotated[float, Gt(0), Lt(1)] | None = None
    root: str | None = None
    image_size: Annotated[int, Ge(1), Le(4096)] | None = None
    sequence_length: Annotated[int, Ge(1), Le(10_000)] = 80
    stride: Count | None = None
    public_fraction: Annotated[float, Gt(0), Lt(1)] | None = None


@settings
class Model:
    """Which network is trained, and where it is cut.

    name: a model of the package, or (with --allow-code) an import path package.module:name of a class or function that
        makes a torch.nn.Module.
    cuts: names of the modules after which the model is cut; auto chooses where a round costs least, as predicted
        before the run (wirelessfsl cuts); by default after the first that a cut can follow.
    cut_for: what auto keeps small, the predicted time of a round or the clients' energy.
    arguments: keyword arguments of a model named by import path, beside shape and classes.
    pretrained: weights that the model begins with; by default it begins at random.
    """

    name: str
    cuts: Annotated[tuple[str, ...] | Literal["auto"], OrWord("auto")] | None = None
    cut_for: Literal["time", "energy"] = "time"
    arguments: dict[str, bool | int | float | str] | None = None
    pretrained: Pretrained | None = None


@settings
class Codecs:
    """What each kind of message is encoded with: a list of codecs, one after the other.

    activations: smashed data, client to server.
    labels: labels, client to server.
    gradients: gradients of the smashed data, server to client.
    activations_down: smashed data of a second cut, server to client.
    gradients_up: gradients of these, client to server.
    model_upload: model weights, client to server.
    model_download: model weights, server to client.
    """

    activations: tuple[CodecKind, ...] = (Identity(),)
    labels: tuple[CodecKind, ...] = (Identity(),)
    gradients: tuple[CodecKind, ...] = (Identity(),)
    activations_down: tuple[CodecKind, ...] = (Identity(),)
    gradients_up: tuple[CodecKind, ...] = (Identity(),)
    model_upload: tuple[CodecKind, ...] = (Identity(),)
    model_download: tuple[CodecKind, ...] = (Identity(),)

    def __post_init__(self) -> None:
        for message, codecs in vars(self).items():
            if not codecs:
                raise ValueError(f"{message}: got an empty list, must be a list of one codec or more")


@settings
class Devices:
    """A group of equal client devices.

    count: number of devices.
    model: another network than the scenario's, of which these devices hold the piece before the cut (for schemes whose
        client parts are private), or the same network at other cuts (for splitfed_v1, which averages all of it).
    profile: device of the catalogue whose processor and radio they have, or a file that wirelessfsl calibrate wrote.
    processor: another processor than the profile's.
    radio: another radio than the profile's.
    economy: whether the devices compute slowly and send softly where a round may take its time.
    battery: where the energy comes from; a device whose battery is empty drops out for good.
    failures: when the devices fail and come back.
    compute_jitter: random change of the computing time from round to round.
    """

    count: Count
    model: Model | None = None
    profile: str = "raspberry-pi-4"
    processor: Processor | None = None
    radio: RadioModel | None = None
    economy: Economy = FullSpeed()
    battery: BatteryModel = NoBattery()
    failures: Failures = NoFailures()
    compute_jitter: Jitter = NoJitter()


@settings
class Server:
    """The server: one node, never failing, on mains power.

    profile: device of the catalogue whose processor and radio it has, or a file that wirelessfsl calibrate wrote.
    processor: another processor than the profile's.
    radio: another radio than the profile's.
    """

    profile: str = "edge-gpu"
    processor: Processor | None = None
    radio: RadioModel | None = None


@settings
class Network:
    """The wireless network between the devices and the server.

    layout: where the devices stand, or begin.
    mobility: how they move.
    cells: the sites that serve them.
    channel: path loss, shadowing, fading and physical layer.
    medium: who transmits when, on which band.
    transport: how messages are carried.
    topology: what lies between the air and the server.
    failures: windows of time in which links, wires or the way to the server carry nothing.
    blockage: when something stands in the way of a device's radio link.
    """

    layout: Layout = Disc()
    mobility: Mobility = Static()
    cells: Cells = Single()
    channel: Channel = Channel()
    medium: MediumSettings = Fdma()
    transport: Transport = Transport()
    topology: Topology = Direct()
    failures: tuple[LinkFailure, ...] = ()
    blockage: Blockage = NoBlockage()


@settings
class EvaluationSettings:
    """When the model is evaluated, outside of simulated time.

    every_rounds: evaluate after every so many rounds, and after the last.
    through_codecs: whether smashed data pass the codecs of activations on their way, in batches as in training; random
        draws are left out (dropout is off, rand_top_k is top_k). Without, the model is evaluated as it is.
    target_accuracy: accuracies whose time and energy are reported, each in [0, 1].
    """

    every_rounds: Count = 1
    through_codecs: bool = False
    target_accuracy: tuple[Fraction, ...] = (0.8, 0.9)


@settings
class Host:
    """The machine that runs the simulation. Changes speed, never times or bytes.

    torch_threads: threads of a large kernel that everybody waits for, as a server's pass over the batches of all
        clients is (wirelessfsl.learning.threads); every other kernel runs on one. auto: as many as there are cores,
        written out in the run's scenario, as weights round otherwise with another number.
    compile: whether the passes of training are compiled by torch.compile when they first run, which takes seconds to a
        minute each, and is kept for later runs. Compiled passes round otherwise: losses and weights differ in the last
        digits, times and bytes of fixed-size codecs do not. Passes with dropout stay as they are.
    device: where the model is computed, in training and evaluation: cuda is a GPU, on which equal passes of many
        clients run at once (wirelessfsl.learning.executors.stacked). They round otherwise, as with compile. Codecs
        compute there, too, up to the bytes that fly.
    """

    torch_threads: Annotated[Annotated[int, Ge(1), Le(256)] | Literal["auto"], OrWord("auto")] = 1
    compile: bool = False
    device: Literal["cpu", "cuda"] = "cpu"


@settings
class Scenario:
    """One experiment.

    name: name of the run folder: letters, digits, dot, dash and underscore.
    preset: settings of a study of the literature, which a scenario file begins with and its own keys override; by
        default none (wirelessfsl list presets).
    seed: seed of every named random stream, >= 0.
    data: samples and their partition.
    model: network and cuts.
    algorithm: training scheme.
    participation: who takes part in a round, and what becomes of those who are late.
    codecs: encoding of each kind of message.
    devices: the clients' devices, in groups; counts add up to data.clients. By default all the same.
    server: the server.
    hierarchy: whether edge servers stand between the clients and the server.
    network: layout, channel, medium and transport.
    evaluation: cadence and targets.
    host: settings of the machine that simulates.
    """

    name: str = "scenario"
    preset: PresetName | None = None
    seed: Annotated[int, Ge(0), Lt(2**63)] = 1
    data: Data
    model: Model
    algorithm: Algorithm
    participation: Participation = Participation()
    codecs: Codecs = Codecs()
    devices: tuple[Devices, ...] = ()
    server: Server = Server()
    hierarchy: Hierarchy = Flat()
    network: Network = Network()
    evaluation: EvaluationSettings = EvaluationSettings()
    host: Host = Host()

    def __post_init__(self) -> None:
        if not self.name or not all(c.isalnum() or c in "._-" for c in self.name) or self.name[0] == ".":
            raise ValueError(f"name: got {self.name!r}, allowed: letters, digits, dot, dash and underscore")

    @property
    def groups(self) -> tuple[Devices, ...]:
        """The device groups; without any, one group of default devices for all clients."""
        return self.devices or (Devices(count=self.data.clients),)

    @property
    def has_clients(self) -> bool:
        """Whether the scheme has clients, as all schemes have but those that say ``clients = False``."""
        return getattr(self.algorithm, "clients", True)

    @property
    def has_server(self) -> bool:
        """Whether the scheme has a server: something is sent there, or it is alone."""
        return bool(self.algorithm.messages) or not self.has_clients
