# ruff: noqa: E501 - a message is one line
"""Scenarios with one mistake each, and the one message that tells it (after ``FILE:``; ``...`` is any text)."""

from __future__ import annotations

from typing import NamedTuple


class Malformed(NamedTuple):
    name: str
    text: str | bytes
    message: str
    alone: bool = False


REQUIRED = {"data": "{name: blobs}", "model": "{name: mlp}", "algorithm": "{kind: splitfed_v1}"}
"""Sections that a case gets at its end if it says nothing about them."""


def whole(case: Malformed) -> bytes:
    """The file of a case: its text, and the required sections that it does not speak of."""
    if isinstance(case.text, bytes):
        return case.text
    named = {line.partition(":")[0] for line in case.text.splitlines()}
    rest = [f"{key}: {value}\n" for key, value in REQUIRED.items() if key not in named and not case.alone]
    return (case.text + "".join(rest)).encode()


MALFORMED = [
    # Not a scenario at all
    Malformed("empty file", "", "1:1 got nothing, must be a mapping; see wirelessfsl new", alone=True),
    Malformed(
        "only comments", "# nothing yet\n", "1:1 got nothing, must be a mapping; see wirelessfsl new", alone=True
    ),
    Malformed(
        "list instead of a mapping",
        "- name: a\n- seed: 1\n",
        "1:1 got a list, must be a mapping; see wirelessfsl new",
        alone=True,
    ),
    Malformed(
        "single value", "quickstart\n", "1:1 got a single value, must be a mapping; see wirelessfsl new", alone=True
    ),
    Malformed("two documents", "seed: 1\n---\nseed: 2\n", "2:1 not valid YAML: but found another document", alone=True),
    # Not YAML, or YAML that is more than data
    Malformed(
        "tab",
        "data:\n\tclients: 4\n",
        "2:1 not valid YAML: found character '\\t' that cannot start any token: indent with spaces, not tabs",
        alone=True,
    ),
    Malformed(
        "bracket not closed",
        "model: {name: mlp\nseed: 3\n",
        "2:5 not valid YAML: expected ',' or '}', but got ':'",
        alone=True,
    ),
    Malformed(
        "colon in a value", "name: my: run\n", "1:9 not valid YAML: mapping values are not allowed here", alone=True
    ),
    Malformed("not UTF-8", b"name: a\n# caf\xe9\n", "2:6 cannot be read: got byte 0xe9, must be UTF-8"),
    Malformed(
        "control character",
        "name: a\x07\n",
        "1:8 not valid YAML: unacceptable character #x0007: special characters are not allowed",
        alone=True,
    ),
    Malformed(
        "python tag",
        "data: {name: blobs}\nname: !!python/object/apply:os.system [ls]\n",
        "2:7 name: got the tag !!python/object/apply:os.system, tags are not allowed: write a plain value",
    ),
    Malformed(
        "own tag",
        "server: !Server {profile: edge-gpu}\n",
        "1:9 server: got the tag !Server, tags are not allowed: write a plain value",
    ),
    Malformed("tag that does not fit", "seed: !!int many\n", "1:7 seed: got many, cannot be read as !!int"),
    Malformed(
        "set",
        "model: {name: mlp, cuts: !!set {fc1}}\n",
        "1:26 model.cuts: got the tag !!set, tags are not allowed: write a plain value",
    ),
    Malformed(
        "key given twice",
        "data: {name: blobs, clients: 4}\nseed: 1\nseed: 2\n",
        "3:1 seed: given twice, first in line 2",
    ),
    Malformed(
        "key given twice below",
        "data:\n  clients: 4\n  name: blobs\n  clients: 5\n",
        "4:3 data.clients: given twice, first in line 2",
    ),
    Malformed(
        "merge key",
        "data: &d {name: blobs}\nserver: {<<: *d}\n",
        "2:10 server.<<: got the merge key <<, which YAML 1.2 does not have: write the keys out",
    ),
    Malformed("list as a key", "? [a, b]\n: 3\n", "1:3 ?: got a key that is not text: write the keys out"),
    Malformed("unknown alias", "seed: *best\n", "1:7 not valid YAML: found undefined alias 'best'", alone=True),
    Malformed(
        "alias of itself",
        "data: &d {partition: *d}\n",
        " not valid YAML: nested too deeply; does an alias contain itself?",
        alone=True,
    ),
    Malformed(
        "alias bomb",
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        " not valid YAML: more than 100,000 nodes; is an alias repeated over and over?",
        alone=True,
    ),
    Malformed(
        "nested without end",
        "model: {cuts: " + "[" * 500 + "]" * 500 + "}\n",
        " not valid YAML: nested too deeply; does an alias contain itself?",
        alone=True,
    ),
    # What must be given
    Malformed(
        "no data", "model: {name: mlp}\nalgorithm: {kind: fedavg}\n", "1:1 data: missing, must be given", alone=True
    ),
    Malformed("no data set", "data: {clients: 4}\n", "1:7 data.name: missing, must be given"),
    Malformed(
        "no algorithm", "data: {name: blobs}\nmodel: {name: mlp}\n", "1:1 algorithm: missing, must be given", alone=True
    ),
    Malformed(
        "no kind of algorithm",
        "algorithm: {rounds: 3}\n",
        "1:12 algorithm: has no kind, allowed: splitfed_v1, splitfed_v2, splitfed_v3, split_learning, parallel_sl, cpsl, epsl, sfl_ga, async_sl, fedsl, fedlite, mtsl, pfsl, fedavg, fedprox, fedem, local_only, centralised (did you mean kind: splitfed_v1?)",
    ),
    Malformed("no count", "devices: [{profile: phone-mid}]\n", "1:11 devices.0.count: missing, must be given"),
    # Keys
    Malformed(
        "unknown key", "sede: 1\n", "1:1 sede: unknown key, allowed: name, preset, seed, ..., host (did you mean seed?)"
    ),
    Malformed(
        "unknown key below",
        "data: {name: blobs, client: 4}\ndevices: [{count: 4}]\n",
        "1:21 data.client: unknown key, allowed: name, clients, partition, test_fraction, root, image_size, sequence_length, stride, public_fraction (did you mean clients?)",
    ),
    Malformed(
        "knob of another kind",
        "network: {channel: {fading: {kind: rayleigh, k_factor_db: 6}}}\n",
        "1:46 network.channel.fading.k_factor_db: unknown key, allowed: coherence_time_s (k_factor_db is a knob of rician and clarke, not of rayleigh)",
    ),
    Malformed(
        "knob of two other kinds",
        "network:\n  medium: {kind: constant, bandwidth_hz: 20e6}\n",
        "2:28 network.medium.bandwidth_hz: unknown key, allowed: uplink_bit_s, downlink_bit_s, latency_s (bandwidth_hz is a knob of fdma, tdma, ofdma and aloha, not of constant)",
    ),
    Malformed(
        "knob of another section",
        "algorithm: {kind: fedavg, lr: 0.1}\n",
        "1:27 algorithm.lr: unknown key, allowed: rounds, local_steps, batch_size, optimizer, upload, weighting (did you mean algorithm.optimizer.lr?)",
    ),
    Malformed(
        "number as a key",
        "data: {name: blobs, 4: clients}\n",
        "1:21 data.4: unknown key, allowed: name, clients, partition, test_fraction, root, image_size, sequence_length, stride, public_fraction",
    ),
    Malformed(
        "no such key anywhere",
        "server: {colour: red}\n",
        "1:10 server.colour: unknown key, allowed: profile, processor, radio",
    ),
    # Types
    Malformed(
        "text for a number",
        "data: {name: blobs, clients: ten}\n",
        "1:30 data.clients: got 'ten', must be a whole number",
    ),
    Malformed(
        "number in quotes",
        "data: {name: blobs, clients: '10'}\n",
        "1:30 data.clients: got '10', must be a whole number (did you mean 10, without quotes?)",
    ),
    Malformed(
        "number with a unit",
        "network: {medium: {kind: fdma, bandwidth_hz: 20 MHz}}\n",
        "1:46 network.medium.bandwidth_hz: got '20 MHz', must be a number (did you mean 20e6, without the unit?)",
    ),
    Malformed(
        "number with another unit",
        "network: {layout: {kind: disc, radius_m: 5 s}}\n",
        "1:42 network.layout.radius_m: got '5 s', must be a number",
    ),
    Malformed(
        "boolean for a number",
        "algorithm: {kind: fedavg, rounds: true}\n",
        "1:35 algorithm.rounds: got true, must be a whole number",
    ),
    Malformed(
        "fraction for a whole number",
        "algorithm: {kind: fedavg, rounds: 2.5}\n",
        "1:35 algorithm.rounds: got 2.5, must be a whole number",
    ),
    Malformed(
        "whole number with an exponent",
        "algorithm: {kind: fedavg, rounds: 1e2}\n",
        "1:35 algorithm.rounds: got 100.0, must be a whole number (did you mean 100?)",
    ),
    Malformed("list for a number", "seed: [1, 2, 3]\n", "1:7 seed: got a list, must be a whole number"),
    Malformed("mapping for a number", "seed: {value: 1}\n", "1:7 seed: got a mapping, must be a whole number"),
    Malformed("number for text", "name: 2024\n", "1:7 name: got 2024, must be text (did you mean '2024', in quotes?)"),
    Malformed("date for a number", "seed: 2024-01-01\n", "1:7 seed: got '2024-01-01', must be a whole number"),
    Malformed(
        "text for a list",
        "model: {name: mlp, cuts: fc1}\n",
        "1:26 model.cuts: got 'fc1', must be a list (did you mean [fc1]?)",
    ),
    Malformed(
        "mapping for a list",
        "devices: {count: 10}\n",
        "1:10 devices: got a mapping, must be a list (did you mean a list of one, [{...}]?)",
    ),
    Malformed(
        "list for a mapping",
        "data: [blobs, 4]\n",
        "1:7 data: got a list, must be a mapping with keys of: name, clients, partition, test_fraction, root, image_size, sequence_length, stride, public_fraction",
    ),
    Malformed(
        "text for a mapping",
        "server: edge-gpu\n",
        "1:9 server: got 'edge-gpu', must be a mapping with keys of: profile, processor, radio",
    ),
    Malformed(
        "text in a list of mappings",
        "devices:\n  - raspberry-pi-4\n",
        "2:5 devices.0: got 'raspberry-pi-4', must be a mapping with keys of: count, model, profile, processor, radio, economy, battery, failures, compute_jitter",
    ),
    Malformed(
        "name for a kind",
        "network: {channel: {fading: rayleigh}}\n",
        "1:29 network.channel.fading: got 'rayleigh', must be a mapping with the key kind, allowed: none, rayleigh, rician, nakagami, ar1, clarke, taps, sionna (did you mean {kind: rayleigh}?)",
    ),
    Malformed(
        "list for a kind",
        "network: {channel: {fading: [rayleigh]}}\n",
        "1:29 network.channel.fading: got a list, must be a mapping with the key kind, allowed: none, rayleigh, rician, nakagami, ar1, clarke, taps, sionna",
    ),
    Malformed(
        "nothing after the colon",
        "data:\n  name: blobs\n  clients:\nseed: 1\n",
        "3:3 data.clients: got nothing, must be a whole number (leave the key out for the default)",
    ),
    Malformed(
        "empty section",
        "network:\nseed: 1\n",
        "1:1 network: got nothing, must be a mapping with keys of: layout, mobility, cells, channel, medium, transport, topology, failures, blockage (leave the key out for the default)",
    ),
    Malformed(
        "empty slot",
        "network: {medium: null}\n",
        "1:19 network.medium: got nothing, must be a mapping with the key kind, allowed: fdma, tdma, ofdma, wifi, aloha, constant, trace (leave the key out for the default)",
    ),
    Malformed(
        "word that is no kind",
        "network: {medium: {kind: fdma, allocation: min_makspan}}\n",
        "1:44 network.medium.allocation: got 'min_makspan', allowed: equal, proportional, min_makespan, max_min, max_rate, proportional_fair (did you mean min_makespan?)",
    ),
    Malformed(
        "no word where one may stand",
        "network: {medium: {kind: fdma, allocation: 3}}\n",
        "1:44 network.medium.allocation: got 3, must be a mapping with the key kind, allowed: equal, proportional, min_makespan, max_min, max_rate, proportional_fair",
    ),
    Malformed(
        "knob that no kind has",
        "network: {medium: {kind: fdma, allocation: {kind: max_min, headroom: 0.1}}}\n",
        "1:60 network.medium.allocation.headroom: unknown key, allowed: none",
    ),
    Malformed(
        "code as a word",
        "network: {medium: {kind: fdma, allocation: 'my_pkg.mod:Mine'}}\n",
        "1:44 network.medium.allocation: got 'my_pkg.mod:Mine': runs code from outside; allow it with --allow-code",
    ),
    # Ranges
    Malformed("zero clients", "data: {name: blobs, clients: 0}\n", "1:30 data.clients: got 0, must be >= 1"),
    Malformed("negative seed", "seed: -1\n", "1:7 seed: got -1, must be >= 0 (did you mean 1?)"),
    Malformed(
        "huge whole number",
        f"seed: 1{'0' * 30}\n",
        "1:7 seed: got 1000000000000000000000000000000, must be < 9223372036854775808",
    ),
    Malformed(
        "whole number beyond reading",
        f"seed: {'9' * 5000}\n",
        "1:7 seed: got 9999999999999999999999999999999999999..., cannot be read as !!int",
    ),
    Malformed(
        "huge number",
        f"network: {{layout: {{kind: disc, radius_m: 1{'0' * 400}}}}}\n",
        "1:42 network.layout.radius_m: got 100000000000000000000000000000000000000000000000000000000..., must be a finite number",
    ),
    Malformed(
        "not a number",
        "participation: {deadline_s: .nan}\n",
        "1:29 participation.deadline_s: got .nan, must be a finite number",
    ),
    Malformed(
        "infinity",
        "network: {medium: {kind: tdma, latency_s: .inf}}\n",
        "1:43 network.medium.latency_s: got .inf, must be a finite number",
    ),
    Malformed(
        "infinite whole number",
        "algorithm: {kind: fedavg, rounds: .inf}\n",
        "1:35 algorithm.rounds: got .inf, must be a whole number",
    ),
    Malformed(
        "negative bandwidth",
        "network: {medium: {kind: fdma, bandwidth_hz: -20e6}}\n",
        "1:46 network.medium.bandwidth_hz: got -20000000.0, must be >= 1000 (did you mean 20e6?)",
    ),
    Malformed(
        "bandwidth in MHz",
        "network: {medium: {kind: fdma, bandwidth_hz: 20}}\n",
        "1:46 network.medium.bandwidth_hz: got 20, must be >= 1000 (the unit is Hz: did you mean 20e6?)",
    ),
    Malformed(
        "carrier in GHz",
        "network:\n  channel:\n    carrier_hz: 3.5\n",
        "3:17 network.channel.carrier_hz: got 3.5, must be >= 1e6 (the unit is Hz: did you mean 3.5e9?)",
    ),
    Malformed(
        "power in mW",
        "server: {radio: {tx_power_dbm: 200}}\n",
        "1:32 server.radio.tx_power_dbm: got 200, must be <= 80 (the unit is dBm: 200 mW are 23 dBm)",
    ),
    Malformed(
        "per cent for a share",
        "devices: [{count: 10, battery: {kind: battery, initial_fraction: 80}}]\n",
        "1:66 devices.0.battery.initial_fraction: got 80, must be <= 1 (a share, not per cent: did you mean 0.8?)",
    ),
    Malformed(
        "per cent in a list",
        "evaluation: {target_accuracy: [0.8, 90]}\n",
        "1:37 evaluation.target_accuracy.1: got 90, must be <= 1 (a share, not per cent: did you mean 0.9?)",
    ),
    Malformed(
        "too many bits",
        "codecs: {activations: {kind: quantize, bits: 32}}\n",
        "1:46 codecs.activations.bits: got 32, must be <= 16",
    ),
    Malformed(
        "too many bits in a list",
        "codecs: {activations: [{kind: quantize, bits: 32}]}\n",
        "1:47 codecs.activations.0.bits: got 32, must be <= 16",
    ),
    Malformed(
        "operating point",
        "server:\n  processor:\n    kind: dvfs\n    operating_points:\n      - {power_w: -5}\n",
        "5:19 server.processor.operating_points.0.power_w: got -5, must be > 0 (did you mean 5?)",
    ),
    Malformed(
        "momentum of one",
        "algorithm: {kind: fedavg, optimizer: {kind: sgd, momentum: 1.0}}\n",
        "1:60 algorithm.optimizer.momentum: got 1.0, must be < 1",
    ),
    Malformed(
        "learning rate of zero",
        "algorithm: {kind: fedavg, optimizer: {kind: adam, lr: 0}}\n",
        "1:55 algorithm.optimizer.lr: got 0, must be > 0",
    ),
    Malformed(
        "alpha of zero",
        "data: {name: blobs, partition: {kind: dirichlet, alpha: 0}}\n",
        "1:57 data.partition.alpha: got 0, must be > 0",
    ),
    Malformed(
        "no class for a client",
        "data: {name: blobs, partition: {kind: classes, classes_per_client: 0}}\n",
        "1:68 data.partition.classes_per_client: got 0, must be >= 1",
    ),
    Malformed("no threads", "host: {torch_threads: 0}\n", "1:23 host.torch_threads: got 0, must be >= 1"),
    Malformed(
        "threads in another word",
        "host: {torch_threads: all}\n",
        "1:23 host.torch_threads: got 'all', must be a whole number",
    ),
    # Choices
    Malformed(
        "unknown kind",
        "network: {channel: {fading: {kind: rayleih, k_factor_db: 6}}}\n",
        "1:36 network.channel.fading.kind: got 'rayleih', allowed: none, rayleigh, rician, nakagami, ar1, clarke, taps, sionna (did you mean rayleigh?)",
    ),
    Malformed(
        "no kind",
        "data: {name: blobs, partition: {alpha: 0.1}}\n",
        "1:32 data.partition: has no kind, allowed: iid, dirichlet, classes, shards, quantity, stratified, prominent, contiguous, by_speaker (did you mean kind: dirichlet?)",
    ),
    Malformed(
        "kind that is null",
        "network: {channel: {fading: {kind: null}}}\n",
        "1:36 network.channel.fading.kind: got nothing, allowed: none, rayleigh, rician, nakagami, ar1, clarke, taps, sionna (did you mean none?)",
    ),
    Malformed(
        "kind that is a number",
        "network: {channel: {fading: {kind: 7}}}\n",
        "1:36 network.channel.fading.kind: got 7, allowed: none, rayleigh, rician, nakagami, ar1, clarke, taps, sionna",
    ),
    Malformed(
        "unknown algorithm",
        "algorithm: {kind: splitfed, rounds: 3}\n",
        "1:19 algorithm.kind: got 'splitfed', allowed: splitfed_v1, splitfed_v2, splitfed_v3, split_learning, parallel_sl, cpsl, epsl, sfl_ga, async_sl, fedsl, fedlite, mtsl, pfsl, fedavg, fedprox, fedem, local_only, centralised (did you mean splitfed_v3?)",
    ),
    Malformed(
        "unknown data set",
        "data: {name: minst}\n",
        "1:14 data.name: got 'minst', allowed: blobs, cifar10, digits, fashion_mnist, images, mnist, text (did you mean mnist?)",
    ),
    Malformed(
        "unknown word",
        "algorithm: {kind: fedavg, weighting: sample}\n",
        "1:38 algorithm.weighting: got 'sample', allowed: samples, uniform (did you mean samples?)",
    ),
    Malformed(
        "unknown precision",
        "codecs: {gradients: {kind: cast, dtype: float32}}\n",
        "1:41 codecs.gradients.dtype: got 'float32', allowed: float16, bfloat16 (did you mean float16?)",
    ),
    Malformed(
        "codec by name",
        "codecs: {activations: quantize}\n",
        "1:23 codecs.activations: got 'quantize', must be a list (did you mean [{kind: quantize}]?)",
    ),
    Malformed(
        "unknown model",
        "model: {name: small_cn}\n",
        "1:15 model.name: got 'small_cn', allowed: char_lstm, char_transformer, femnist_cnn, lenet, mlp, resnet18, resnet18_cifar, resnet8, small_cnn, small_cnn_bn, vgg16, vgg19 or an import path (did you mean small_cnn?)",
    ),
    Malformed(
        "unknown device",
        "devices: [{count: 4}, {count: 6, profile: raspberry-pi4}]\n",
        "1:43 devices.1.profile: got 'raspberry-pi4' (did you mean raspberry-pi-4?), allowed: stm32f746, ...",
    ),
    Malformed(
        "unknown server",
        "server: {profile: edge_gpu}\n",
        "1:19 server.profile: got 'edge_gpu' (did you mean edge-gpu?), allowed: stm32f746, ...",
    ),
    Malformed(
        "code that is not allowed",
        "network: {channel: {fading: {kind: 'os:system', arg: 1}}}\n",
        "1:36 network.channel.fading.kind: got 'os:system': runs code from outside; allow it with --allow-code",
    ),
    Malformed(
        "model that is not allowed",
        "model: {name: 'my_nets:wide', cuts: [stem]}\n",
        "1:15 model.name: got 'my_nets:wide': runs code from outside; allow it with --allow-code",
    ),
    # What the sections themselves refuse
    Malformed(
        "name with a slash",
        "name: runs/a\n",
        "1:7 name: got 'runs/a', allowed: letters, digits, dot, dash and underscore",
    ),
    Malformed(
        "hole beyond the disc",
        "network: {layout: {kind: disc, radius_m: 50, min_distance_m: 60}}\n",
        "1:62 network.layout.min_distance_m: got 60.0, must be < radius_m (= 50)",
    ),
    Malformed(
        "radius within the default hole",
        "network: {layout: {kind: disc, radius_m: 5}}\n",
        "1:19 network.layout.min_distance_m: got 10.0, must be < radius_m (= 5)",
    ),
    Malformed(
        "typing error in the hole",
        "network: {layout: {kind: disc, radius_m: 5, min_distance: 1}}\n",
        "1:45 network.layout.min_distance: unknown key, allowed: radius_m, min_distance_m (did you mean min_distance_m?)",
    ),
    Malformed(
        "no distance",
        "network: {layout: {kind: fixed, distances_m: []}}\n",
        "1:46 network.layout.distances_m: got (), must be one distance or more, each > 0",
    ),
    Malformed(
        "operating point that is not there",
        "server: {processor: {kind: dvfs, operating_point: 2}}\n",
        "1:51 server.processor.operating_point: got 2, must be an index into the 2 operating_points (the first is 0)",
    ),
    Malformed(
        "no such radio",
        "server: {radio: {kind: nr}}\n",
        "1:24 server.radio.kind: got 'nr', allowed: linear, nr_ue, lte_phone, wifi_radio, earth",
    ),
    Malformed(
        "knob of another radio",
        "server: {radio: {tail_s: 3}}\n",
        "1:18 server.radio.tail_s: unknown key, allowed: tx_power_dbm, amplifier_efficiency, circuit_w, receive_w,"
        " idle_w, sleep_w, sleep_after_s, noise_figure_db (tail_s is a knob of lte_phone, not of linear)",
    ),
    Malformed(
        "deep sleep on the way to a light one",
        "server: {radio: {kind: nr_ue, light_sleep_after_s: 0.1, deep_sleep_after_s: 0.1}}\n",
        "1:77 server.radio.deep_sleep_after_s: got 0.1, must be >= 0.106: before it a lighter sleep begins, or the"
        " transition to one is under way",
    ),
    Malformed(
        "a cell that sleeps at more than it needs awake",
        "server: {radio: {kind: earth, fixed_w: 50, sleep_after_s: 1}}\n",
        "1:17 server.radio.sleep_w: got 75.0, must be <= fixed_w 50.0",
    ),
    Malformed(
        "sleep above idle",
        "server: {radio: {sleep_w: 2, idle_w: 1, sleep_after_s: 1}}\n",
        "1:27 server.radio.sleep_w: got 2.0, must be <= idle_w 1.0",
    ),
    Malformed(
        "failures out of order",
        "devices: [{count: 10, failures: {kind: at, times_s: [5, 3]}}]\n",
        "1:53 devices.0.failures.times_s: got 3.0 after 5.0, must be later than the repair at inf (repair_s is None)",
    ),
    Malformed(
        "negative overhead",
        "network: {transport: {overhead_bytes: -40}}\n",
        "1:39 network.transport.overhead_bytes: got -40, must be >= 0 (did you mean 40?)",
    ),
    Malformed(
        "codec of packed bits",
        "codecs:\n  activations: [{kind: quantize}, {kind: top_k}]\n",
        "2:35 codecs.activations.1: got 'top_k': top_k takes numbers, and quantize before it leaves packed bits",
    ),
    Malformed(
        "deflate in the middle",
        "codecs:\n  activations: [{kind: deflate}, {kind: cast}]\n",
        "2:17 codecs.activations.0: got 'deflate': deflate must be the last of its chain",
    ),
    Malformed(
        "feedback in the middle",
        "codecs:\n  gradients: [{kind: cast}, {kind: error_feedback}]\n",
        "2:29 codecs.gradients.1: got 'error_feedback': error_feedback must be the first of its chain",
    ),
    Malformed(
        "feedback of nothing",
        "codecs:\n  gradients: [{kind: error_feedback}]\n",
        "2:15 codecs.gradients.0: got 'error_feedback': error_feedback needs a codec that loses something",
    ),
    Malformed(
        "feedback of positions that change",
        "codecs: {activations: [{kind: dropout}], gradients: [{kind: error_feedback}, {kind: cast}]}\n",
        "1:24 codecs.activations.0.gradient: got 'kept', must be full: error_feedback of gradients needs the same positions"
        " every time",
    ),
    Malformed(
        "groups that do not divide",
        "codecs: {activations: [{kind: clustering, subvectors: 12, groups: 5}]}\n",
        "1:67 codecs.activations.0.groups: got 5, must divide subvectors = 12",
    ),
    Malformed(
        "a batch of more than all",
        "algorithm: {kind: splitfed_v1, batch_size: 5000}\n",
        "1:44 algorithm.batch_size: got 5000, blobs has 1600 training samples",
    ),
    Malformed(
        "low rank of rows",
        "codecs: {model_upload: [{kind: power_sgd}]}\nalgorithm: {kind: fedsl, pruning: {kind: weights}}\n",
        "1:25 codecs.model_upload.0: power_sgd has no effect: what pruning by weights leaves are rows of numbers, no"
        " matrices",
    ),
    Malformed(
        "filters of a model without any",
        "model: {name: mlp}\nalgorithm: {kind: fedsl, pruning: {kind: filters}}\n",
        "2:35 algorithm.pruning: the client's part has no convolution whose filters could be pruned",
    ),
    Malformed(
        "feedback that grows",
        "codecs: {gradients: [{kind: error_feedback}, {kind: c3_sl}]}\n",
        "1:46 codecs.gradients.1: got 'c3_sl': its error is larger than the tensor, which error_feedback cannot make good",
    ),
    Malformed(
        "pruning that never begins",
        "algorithm: {kind: fedsl, rounds: 5, pruning: {kind: weights, schedule: {kind: one_shot, round: 9}}}\n",
        "1:72 algorithm.pruning.schedule: begins after the last aggregation that a round follows: nothing is ever pruned;"
        " start earlier",
    ),
    Malformed(
        "an interval that never ends",
        "algorithm: {kind: fedsl, rounds: 5, interval: 6}\n",
        "1:47 algorithm.interval: got 6, must be at most algorithm.rounds = 5",
    ),
    Malformed(
        "a sample of more than all",
        "participation: {choice: {kind: random, fraction: 99}}\n",
        "1:50 participation.choice.fraction: got 99, must be <= 1 (a share, not per cent: did you mean 0.99?)",
    ),
    Malformed(
        "late for no deadline",
        "participation: {late: partial}\n",
        "1:17 participation.late: has no effect: nobody is late: deadline_s is not given; remove it",
    ),
    Malformed(
        "part of one batch",
        "algorithm: {kind: fedlite}\nparticipation: {deadline_s: 1.0, late: partial}\n",
        "2:34 participation.late: has no effect: a round of fedlite is one batch, of which there is no part; remove it",
    ),
    Malformed(
        "the best of equal links",
        "participation: {choice: {kind: channel_aware}}\nnetwork: {medium: {kind: constant}}\n",
        "1:17 participation.choice: has no effect: all constant links are the same; remove it",
    ),
    Malformed(
        "less time than the latency",
        "network: {medium: {kind: fdma, latency_s: 0.01}, transport: {timeout_s: 0.01}}\n",
        "1:73 network.transport.timeout_s: got 0.01, must be > network.medium.latency_s = 0.01: nothing would arrive",
    ),
    Malformed(
        "peers on a channel with an access point",
        "algorithm: {kind: split_learning, hand_over: peer}\nnetwork: {medium: {kind: wifi}}\n",
        "1:46 algorithm.hand_over: got 'peer', must be server: on medium wifi all messages go to the access point or come from it",
    ),
    Malformed(
        "relays on a channel with an access point",
        "network:\n  medium: {kind: aloha}\n  topology: {kind: graph, relays: [{name: r, at_m: [50, 0]}]}\n",
        "3:35 network.topology.relays: got 1, must be none: medium aloha has one access point",
    ),
    Malformed(
        "edge servers at the site of the cloud",
        "hierarchy: {kind: edge_cloud, servers: [{at: site-0}]}\n",
        "1:19 hierarchy.kind: got 'edge_cloud', must be flat with topology direct; set network.topology: {kind: graph, wires: ...}",
    ),
    Malformed(
        "edge servers of a scheme with private parts",
        "algorithm: {kind: mtsl}\nhierarchy: {kind: edge_cloud, servers: [{at: site-0}]}\nnetwork: {topology: {kind: graph}}\n",
        "2:19 hierarchy.kind: got 'edge_cloud', must be flat with algorithm mtsl; it is for splitfed_v1, splitfed_v2, parallel_sl, cpsl, fedlite, fedavg, fedprox",
    ),
    Malformed(
        "an edge server where no node is",
        "hierarchy: {kind: edge_cloud, servers: [{at: site-1}]}\nnetwork: {topology: {kind: graph}}\n",
        "1:46 hierarchy.servers.0.at: got 'site-1', allowed: site-0 (did you mean site-0?)",
    ),
    Malformed(
        "an edge server in the cloud",
        "hierarchy: {kind: edge_cloud, servers: [{at: cloud}]}\nnetwork: {topology: {kind: graph}}\n",
        "1:46 hierarchy.servers.0.at: got 'cloud', allowed: site-0",
    ),
    Malformed(
        "an edge server that does not exist",
        "hierarchy: {kind: edge_cloud, servers: [{at: site-0, profile: edge-gpo}]}\nnetwork: {topology: {kind: graph}}\n",
        "1:63 hierarchy.servers.0.profile: got 'edge-gpo' (did you mean edge-gpu?), allowed: stm32f746, ...",
    ),
    Malformed(
        "no edge server",
        "hierarchy: {kind: edge_cloud, servers: []}\nnetwork: {topology: {kind: graph}}\n",
        "1:40 hierarchy.servers: got an empty list, must be a list of one edge server or more",
    ),
    Malformed(
        "two edge servers at one node",
        "hierarchy: {kind: edge_cloud, servers: [{at: site-0}, {at: site-0}]}\nnetwork: {topology: {kind: graph}}\n",
        "1:40 hierarchy.servers: got 'site-0' twice, must be a node of its own for each",
    ),
    Malformed(
        "a client of two edge servers",
        "data: {name: blobs, clients: 3}\nhierarchy: {kind: edge_cloud, servers: [{at: site-0, clients: [0, 1]}], assignment: listed}\nnetwork: {topology: {kind: graph}}\n",
        "2:40 hierarchy.servers: got clients [0, 1], must have each of 0 to 2 once",
    ),
    Malformed(
        "an edge server that is the nearest to nobody",
        "hierarchy: {kind: edge_cloud, servers: [{at: site-0}, {at: edge}]}\nnetwork: {topology: {kind: graph, wires: [{ends: [site-0, edge]}, {ends: [edge, cloud]}]}}\n",
        "1:12 hierarchy.assignment: got 'nearest', which leaves edge without clients; take in_turn or listed",
    ),
    Malformed(
        "a cut by prediction with edge servers",
        "model: {name: mlp, cuts: auto}\nhierarchy: {kind: edge_cloud, servers: [{at: site-0}]}\nnetwork: {topology: {kind: graph}}\n",
        "1:26 model.cuts: got 'auto', must name the cut: rounds of hierarchy edge_cloud are not predicted",
    ),
    Malformed(
        "economy with edge servers",
        "devices: [{count: 10, economy: {kind: deadline, round_s: 20}}]\nhierarchy: {kind: edge_cloud, servers: [{at: site-0}]}\nnetwork: {topology: {kind: graph}}\n",
        "1:39 devices.0.economy.kind: got 'deadline', must be full_speed: rounds of hierarchy edge_cloud are not predicted",
    ),
    Malformed(
        "list of clients that nobody reads",
        "hierarchy: {kind: edge_cloud, servers: [{at: site-0, clients: [0]}]}\nnetwork: {topology: {kind: graph}}\n",
        "1:54 hierarchy.servers.0.clients: has no effect: assignment is nearest; remove it",
    ),
    Malformed(
        "band without room for a resource block",
        "network: {medium: {kind: ofdma, bandwidth_hz: 20e3}}\n",
        "1:47 network.medium.bandwidth_hz: got 20000, must be >= 180000, one resource block",
    ),
    Malformed(
        "relays on a band whose slots are played",
        "network:\n  medium: {kind: ofdma, mode: slots}\n  topology: {kind: graph, relays: [{name: r, at_m: [50, 0]}]}\n",
        "3:35 network.topology.relays: got 1, must be none: slots are played for one station",
    ),
    Malformed(
        "sensitivities that do not ascend",
        "network: {medium: {kind: wifi, sensitivity_dbm: [-80, -82]}}\n",
        "1:49 network.medium.sensitivity_dbm: got (-80.0, -82.0), must be 1 to 12 ascending numbers",
    ),
    Malformed(
        "a cut to be chosen that must fit other parts",
        "algorithm: {kind: mtsl}\nmodel: {name: small_cnn, cuts: auto}\n"
        "devices: [{count: 10, model: {name: small_cnn_bn, cuts: [block1]}}]\n",
        "2:32 model.cuts: got 'auto', must name the cut: parts of other models (devices.model) must fit its shape",
    ),
    Malformed(
        "failure of a link that there is not",
        "network: {failures: [{of: [client-10], from_s: 1.0, to_s: 2.0}]}\n",
        "1:27 network.failures.0.of: got ['client-10'], must be [name] of client-0 to client-9, server, or the two ends of"
        " a wire",
    ),
    Malformed(
        "failure of a wire in the air",
        "network: {failures: [{of: [site-0, cloud], from_s: 1.0, to_s: 2.0}]}\n",
        "1:27 network.failures.0.of: got ['site-0', 'cloud'], must be [name] of client-0 to client-9, server, or the two"
        " ends of a wire",
    ),
    Malformed(
        "failure that ends before it begins",
        "network: {failures: [{of: [server], from_s: 2.0, to_s: 1.0}]}\n",
        "1:56 network.failures.0.to_s: got 1, must be > from_s = 2",
    ),
    Malformed(
        "failure of nothing",
        "network: {failures: [{of: []}]}\n",
        "1:27 network.failures.0.of: got [], must be one name or the two ends of a wire",
    ),
    Malformed(
        "failure without a name",
        "network: {failures: [{of: server}]}\n",
        "1:27 network.failures.0.of: got 'server', must be a list (did you mean [server]?)",
    ),
    Malformed(
        "blockage of an unknown kind",
        "network: {blockage: {kind: rain}}\n",
        "1:28 network.blockage.kind: got 'rain', allowed: none, random (did you mean random?)",
    ),
    Malformed(
        "blockage of a pipe",
        "network: {medium: {kind: constant}, blockage: {kind: random}}\n",
        "1:37 network.blockage: has no effect: medium constant needs no positions and no channel; remove it",
    ),
    Malformed(
        "loss of everything",
        "network: {transport: {packet_loss: 1.0}}\n",
        "1:36 network.transport.packet_loss: got 1.0, must be < 1",
    ),
    Malformed(
        "reliability without loss",
        "network: {transport: {reliability: lossy}}\n",
        "1:23 network.transport.reliability: has no effect: no packet is lost: packet_loss is 0 and the radio loses none; remove it",
    ),
    Malformed(
        "packets that are never lost",
        "network: {transport: {packet_bytes: 500}}\n",
        "1:23 network.transport.packet_bytes: has no effect: no packet is lost; remove it",
    ),
    Malformed(
        "holes in whole models",
        "algorithm: {kind: fedavg}\nnetwork: {transport: {packet_loss: 0.1, reliability: lossy}}\n",
        "2:41 network.transport.reliability: has no effect: fedavg sends no activations; remove it",
    ),
    Malformed(
        "holes in what cannot be read after one",
        "codecs: {activations: [{kind: cast}, {kind: deflate}]}\nnetwork: {transport: {packet_loss: 0.1, reliability: lossy}}\n",
        "1:38 codecs.activations.1: got 'deflate', of which nothing can be read after a gap: take identity, cast, quantize,"
        " qsgd, sign, ternary, random_k or dropout (mask: seed), or set network.transport.reliability: retransmit",
    ),
    Malformed(
        "acknowledgements of a broadcast",
        "algorithm: {kind: sfl_ga}\nnetwork: {transport: {packet_loss: 0.1}}\n",
        "2:36 network.transport.packet_loss: got 0.1, must be 0: sfl_ga broadcasts, which nobody acknowledges; or set"
        " reliability: lossy",
    ),
    Malformed(
        "an outage that cannot be",
        "network: {transport: {outage: {gradients: reuse}}}\n",
        "1:23 network.transport.outage: has no effect: no message is lost: timeout_s is not given; remove it",
    ),
    Malformed(
        "a part that gives another shape",
        "algorithm: {kind: mtsl}\nmodel: {name: small_cnn}\n"
        "devices: [{count: 10, model: {name: small_cnn, cuts: [block2]}}]\n",
        "3:30 devices.0.model: gives (32, 2, 2) numbers a sample at its cut, must be (16, 4, 4) as the scenario's model",
    ),
    Malformed(
        "a part of one's own where all are averaged",
        "algorithm: {kind: splitfed_v2}\ndevices: [{count: 10, model: {name: small_cnn}}]\n",
        "2:23 devices.0.model: has no effect: the client parts of splitfed_v2 are all the same; remove it",
    ),
    Malformed(
        "another model where all of it is averaged",
        "algorithm: {kind: splitfed_v1}\nmodel: {name: mlp}\ndevices: [{count: 10, model: {name: small_cnn}}]\n",
        "3:30 devices.0.model: must be the scenario's model at other cuts: splitfed_v1 averages whole models",
    ),
    Malformed(
        "a change that not all send",
        "algorithm: {kind: splitfed_v1, upload: update}\nmodel: {name: mlp}\n"
        "devices: [{count: 10, model: {name: mlp, cuts: [fc2]}}]\n",
        "3:30 devices.0.model: needs algorithm.upload: weights; a layer that some send and others do not has no common"
        " change",
    ),
    Malformed(
        "a part whose cut is to be chosen",
        "algorithm: {kind: mtsl}\ndevices: [{count: 10, model: {name: mlp, cuts: auto}}]\n",
        "2:48 devices.0.model.cuts: got 'auto', must name the cut, as its shape must fit the server's",
    ),
    Malformed(
        "a cut that a part has not",
        "algorithm: {kind: mtsl}\ndevices: [{count: 10, model: {name: small_cnn, cuts: [block9]}}]\n",
        "2:55 devices.0.model.cuts.0: got 'block9', allowed cuts of small_cnn: block1, block2 (did you mean block2?)",
    ),
    Malformed(
        "nobody but newcomers",
        "algorithm: {kind: mtsl, newcomers: 10}\n",
        "1:36 algorithm.newcomers: got 10, must be less than data.clients = 10",
    ),
    Malformed(
        "newcomers after the end",
        "algorithm: {kind: mtsl, rounds: 5, newcomers: 1, newcomers_round: 6}\n",
        "1:67 algorithm.newcomers_round: got 6, must be at most algorithm.rounds = 5",
    ),
    Malformed(
        "personal after the end",
        "algorithm: {kind: pfsl, rounds: 5, checkpoint: 5}\nmodel: {name: small_cnn}\n",
        "1:48 algorithm.checkpoint: got 5, must be less than algorithm.rounds - 1 = 4: nothing would be personalised",
    ),
    Malformed(
        "a share of clients that is nobody",
        "algorithm: {kind: pfsl, drop_rate: 0.05}\nmodel: {name: small_cnn}\n",
        "1:36 algorithm.drop_rate: got 0.05: nobody of data.clients = 10; must be 0, or 1 / clients or more",
    ),
    Malformed(
        "part of a round of one batch",
        "algorithm: {kind: fedavg, local_steps: 1}\nparticipation: {deadline_s: 1.0, late: partial}\n",
        "2:34 participation.late: has no effect: a round of fedavg is one batch, of which there is no part; remove it",
    ),
    Malformed(
        "frozen behind the centre",
        "algorithm: {kind: pfsl, frozen: block2}\nmodel: {name: small_cnn, cuts: [block1, block2]}\n",
        "1:33 algorithm.frozen: must be between the cuts block1, block2: got ['block1', 'block2', 'block2'], must be"
        " different and in the model's order: block1, block2",
    ),
    Malformed(
        "one cut where two are needed",
        "algorithm: {kind: pfsl}\nmodel: {name: small_cnn, cuts: [block1]}\n",
        "2:32 model.cuts: got 1 cuts, pfsl takes 2",
    ),
    Malformed(
        "old masks",
        "algorithm: {kind: fedsl, pruning: {kind: weights}}\n"
        "network: {transport: {timeout_s: 1.0, outage: {model_download: reuse}}}\n",
        "2:64 network.transport.outage.model_download: got 'reuse', must be drop: with pruning a client needs the"
        " newest masks",
    ),
    Malformed(
        "labels quantised",
        "codecs: {labels: {kind: quantize}}\n",
        "1:18 codecs.labels.0: quantize has no effect: labels are integers, which fly as they are; remove it",
    ),
    Malformed(
        "no codec",
        "codecs: {activations: []}\n",
        "1:23 codecs.activations: got an empty list, must be a list of one codec or more",
    ),
    # What cannot be together
    Malformed(
        "more clients than samples",
        "data: {name: blobs, clients: 2000, partition: {kind: iid}}\n",
        "1:30 data.clients: got 2000 clients, blobs has 1600 training samples; take fewer clients, or play times alone with --timing-only",
    ),
    Malformed(
        "partition that cannot be dealt",
        "data: {name: blobs, clients: 900, partition: {kind: shards}}\n",
        "1:46 data.partition: 1800 shards but 1600 samples; lower shards_per_client or have fewer clients",
    ),
    Malformed(
        "more classes for a client than there are",
        "data: {name: blobs, partition: {kind: classes, classes_per_client: 11}}\n",
        "1:32 data.partition: got 11 classes_per_client, must be <= 10 classes",
    ),
    Malformed(
        "more clients of a class than samples",
        "data: {name: blobs, clients: 1600, partition: {kind: classes}}\n",
        "1:47 data.partition: class 0 has 160 samples for 320 clients; lower classes_per_client or have fewer clients",
    ),
    Malformed(
        "sizes that cannot be drawn",
        "data: {name: blobs, partition: {kind: quantity, min_samples: 161}}\n",
        "1:32 data.partition: quantity(alpha=0.5) gave some of 10 clients fewer than 161 of 1600 samples in 1000 draws; raise alpha, lower min_samples or have fewer clients",
    ),
    Malformed(
        "too few devices",
        "data: {name: blobs, clients: 12}\ndevices:\n  - {count: 5}\n  - {count: 6}\n",
        "3:3 devices: got 11 devices, must be data.clients = 12",
    ),
    Malformed(
        "cut that does not exist",
        "model: {name: mlp, cuts: [fc3]}\n",
        "1:27 model.cuts.0: got 'fc3', allowed cuts of mlp: fc1, fc2 (did you mean fc2?)",
    ),
    Malformed(
        "cut at the end",
        "model: {name: mlp, cuts: [head]}\n",
        "1:27 model.cuts.0: got 'head', allowed cuts of mlp: fc1, fc2",
    ),
    Malformed(
        "too many cuts", "model: {name: mlp, cuts: [fc1, fc2]}\n", "1:26 model.cuts: got 2 cuts, splitfed_v1 takes 1"
    ),
    Malformed(
        "auto in a list",
        "model: {name: mlp, cuts: [auto]}\n",
        "1:27 model.cuts.0: got 'auto', allowed cuts of mlp: fc1, fc2",
    ),
    Malformed(
        "what auto is for without auto",
        "model: {name: mlp, cuts: [fc1], cut_for: energy}\n",
        "1:33 model.cut_for: has no effect: it says how cuts: auto chooses; remove it",
    ),
    Malformed(
        "auto for something else",
        "model: {name: mlp, cuts: auto, cut_for: latency}\n",
        "1:41 model.cut_for: got 'latency', allowed: time, energy",
    ),
    Malformed(
        "auto where no cut leaves anything to prune",
        "algorithm: {kind: fedsl, pruning: {kind: filters}}\nmodel: {name: mlp, cuts: auto}\n",
        "1:35 algorithm.pruning: the client's part has no convolution whose filters could be pruned",
    ),
    Malformed("no cut", "model: {name: mlp, cuts: []}\n", "1:26 model.cuts: got 0 cuts, splitfed_v1 takes 1"),
    Malformed(
        "model too deep for the images",
        "model: {name: lenet}\n",
        "1:15 model.name: model lenet cannot take inputs of shape (1, 8, 8): ...",
    ),
    Malformed(
        "no files",
        "data: {name: mnist, root: /nowhere}\n",
        "1:27 data.root: no IDX files in /nowhere: ...; set data.root or WIRELESSFSL_DATA, or run: wirelessfsl download mnist",
    ),
    Malformed(
        "no images",
        "data: {name: images, root: /nowhere.zip}\n",
        "1:28 data.root: /nowhere.zip cannot be read as a zip: ...",
    ),
    Malformed(
        "images nowhere",
        "data: {name: images}\n",
        "1:14 data.name: .../data/images is neither a folder nor a zip",
    ),
    Malformed(
        "no text",
        "data: {name: text, root: /nowhere.txt}\nmodel: {name: char_lstm}\n",
        "1:26 data.root: /nowhere.txt: cannot be read: No such file or directory; set data.root to a text, or a folder of .txt",
    ),
    Malformed(
        "speakers of images",
        "data: {name: blobs, partition: {kind: by_speaker}}\n",
        "1:32 data.partition: by_speaker deals the speakers of a text, blobs has none; take another partition",
    ),
    Malformed(
        "model of text for images",
        "model: {name: char_lstm}\n",
        "1:15 model.name: model char_lstm reads text, the data are images; allowed: femnist_cnn, ..., vgg19",
    ),
    Malformed(
        "no weights",
        "model: {name: mlp, pretrained: {kind: file, path: nowhere.safetensors}}\n",
        "1:51 model.pretrained.path: got 'nowhere.safetensors': nowhere.safetensors: no such file",
    ),
    Malformed(
        "pretraining on nothing",
        "model: {name: mlp, pretrained: {kind: pretrain}}\n",
        "1:32 model.pretrained: has no samples to learn from: set data.public_fraction, or give it data of another data set",
    ),
    Malformed(
        "pretraining on files that are not there",
        "model: {name: mlp, pretrained: {kind: pretrain, data: {name: mnist, root: /nowhere}}}\n",
        "1:75 model.pretrained.data.root: no IDX files in /nowhere: ...",
    ),
    Malformed(
        "a folder for a file",
        "model: {name: mlp, pretrained: {kind: file, path: .}}\n",
        "1:51 model.pretrained.path: got '.': .: no such file",
    ),
    Malformed(
        "fading of movement without movement",
        "network: {channel: {fading: {kind: clarke}}}\n",
        "1:36 network.channel.fading.kind: got 'clarke', which comes of movement, and no device moves: set speed_m_s",
    ),
    Malformed(
        "coherence time of no movement",
        "network: {channel: {fading: {kind: rician, coherence_time_s: null}}}\n",
        "1:62 network.channel.fading.coherence_time_s: got nothing, must be given: no device moves",
    ),
    Malformed(
        "blocks longer than the first zero of their correlation",
        "network: {channel: {fading: {kind: ar1, speed_m_s: 10, block_s: 0.01}}}\n",
        "1:65 network.channel.fading.block_s: got 0.01, must be < 0.38 / fd = 0.00325489 at 10 m/s",
    ),
    # Knobs without effect
    Malformed(
        "public samples of no use",
        "data: {name: blobs, public_fraction: 0.1}\n",
        "1:21 data.public_fraction: has no effect: nothing is learnt from public samples; remove it",
    ),
    Malformed(
        "root of no files to pretrain on",
        "model: {name: mlp, pretrained: {kind: pretrain, data: {name: digits, root: x}}}\n",
        "1:70 model.pretrained.data.root: has no effect: digits reads no files; remove it",
    ),
    Malformed(
        "stride of images",
        "data: {name: digits, stride: 3}\n",
        "1:22 data.stride: has no effect: digits is no text; remove it",
    ),
    Malformed(
        "codec of a message never sent",
        "algorithm: {kind: fedavg}\ncodecs: {gradients: {kind: cast}}\n",
        "2:10 codecs.gradients: has no effect: fedavg sends no gradients; remove it",
    ),
    Malformed(
        "cuts of a whole model",
        "algorithm: {kind: fedavg}\nmodel: {name: mlp, cuts: [fc1]}\n",
        "2:20 model.cuts: has no effect: fedavg does not cut the model; remove it",
    ),
    Malformed(
        "choice of the cut of a whole model",
        "algorithm: {kind: fedavg}\nmodel: {name: mlp, cuts: auto}\n",
        "2:20 model.cuts: has no effect: fedavg does not cut the model; remove it",
    ),
    Malformed(
        "network without clients",
        "algorithm: {kind: centralised}\nnetwork: {medium: {kind: tdma}}\n",
        "2:1 network: has no effect: centralised has no network and no clients; remove it",
    ),
    Malformed(
        "devices without clients",
        "algorithm: {kind: centralised}\ndevices: [{count: 3}]\n",
        "2:1 devices: has no effect: centralised has no network and no clients; remove it",
    ),
    Malformed(
        "root of no files",
        "data: {name: digits, root: data}\n",
        "1:22 data.root: has no effect: digits reads no files; remove it",
    ),
    Malformed(
        "sleep power without sleep",
        "server: {radio: {sleep_w: 0.1}}\n",
        "1:18 server.radio.sleep_w: has no effect: the radio never sleeps: sleep_after_s is not given; remove it",
    ),
    Malformed(
        "sleep current without sleep",
        "server: {radio: {kind: wifi_radio, sleep_a: 0.01}}\n",
        "1:36 server.radio.sleep_a: has no effect: the radio never sleeps: sleep_after_s is not given; remove it",
    ),
    Malformed(
        "bandwidth part of millimetre waves",
        "server: {radio: {kind: nr_ue, frequency_range: fr2, bandwidth_hz: 50e6}}\n",
        "1:53 server.radio.bandwidth_hz: has no effect: it is for fr1: fr2 has one power; remove it",
    ),
    Malformed(
        "between the powers of a report that has this one",
        "server: {radio: {kind: nr_ue, between: decibel}}\n",
        "1:31 server.radio.between: has no effect: tx_power_dbm is not between 0 and 23; remove it",
    ),
    Malformed(
        "tail of no length",
        "server: {radio: {kind: lte_phone, tail_s: 0, tail_w: 1}}\n",
        "1:46 server.radio.tail_w: has no effect: there is no tail: tail_s is 0; remove it",
    ),
    Malformed(
        "channel of a pipe",
        "network:\n  medium: {kind: constant}\n  channel: {carrier_hz: 2e9}\n",
        "3:3 network.channel: has no effect: medium constant needs no positions and no channel; remove it",
    ),
    Malformed(
        "movement over a pipe",
        "network:\n  medium: {kind: constant}\n  mobility: {kind: gauss_markov}\n",
        "3:3 network.mobility: has no effect: medium constant needs no positions and no channel; remove it",
    ),
    Malformed(
        "layout of a stationary walk",
        "network:\n  mobility: {kind: random_waypoint, start: stationary}\n  layout: {kind: disc}\n",
        "3:3 network.layout: has no effect: mobility random_waypoint begins in its stationary state; remove it",
    ),
    Malformed(
        "start outside of the region",
        "network: {layout: {kind: fixed, distances_m: [300]}, mobility: {kind: straight_line}}\n",
        "1:64 network.mobility.region: client-0 begins at (300, 0) m, outside of it; make it larger",
    ),
    Malformed(
        "speeds the wrong way round",
        "network: {mobility: {kind: random_waypoint, max_speed_m_s: 0.1}}\n",
        "1:60 network.mobility.max_speed_m_s: got 0.1, must be >= min_speed_m_s (= 0.5)",
    ),
    Malformed(
        "no list of places",
        "network: {layout: {kind: file, path: none.csv}}\n",
        "1:38 network.layout.path: none.csv: cannot be read: No such file or directory, looked for /.../none.csv",
    ),
    Malformed(
        "places of one number",
        "network: {layout: {kind: listed, at_m: [100]}}\n",
        "1:41 network.layout.at_m.0: got 100, must be a list (did you mean [100]?)",
    ),
    Malformed(
        "no trace of rates",
        "network: {medium: {kind: trace, uplink: [none.csv]}}\n",
        "1:41 network.medium.uplink: none.csv: cannot be read: No such file or directory, looked for /.../none.csv",
    ),
    Malformed(
        "trace without a name of its file",
        "network: {medium: {kind: trace}}\n",
        "1:19 network.medium.uplink: missing, must be given",
    ),
    Malformed(
        "trace of no file",
        "network: {medium: {kind: trace, uplink: []}}\n",
        "1:41 network.medium.uplink: got an empty list, must be one file or more",
    ),
    Malformed(
        "no trace of positions",
        "network: {mobility: {kind: trace, path: none.csv}}\n",
        "1:41 network.mobility.path: none.csv: cannot be read: No such file or directory, looked for /.../none.csv",
    ),
    Malformed(
        "layout of a pipe",
        "network:\n  medium: {kind: constant}\n  layout: {kind: disc}\n",
        "3:3 network.layout: has no effect: medium constant needs no positions and no channel; remove it",
    ),
    Malformed(
        "carrier of a 2 GHz law",
        "network: {channel: {path_loss: {kind: urban_macro}, carrier_hz: 2e9}}\n",
        "1:53 network.channel.carrier_hz: has no effect: path_loss urban_macro is for 2 GHz; remove it",
    ),
    Malformed(
        "carrier beside a known loss",
        "network: {channel: {path_loss: {kind: log_distance, reference_loss_db: 40}, carrier_hz: 2e9}}\n",
        "1:77 network.channel.carrier_hz: has no effect: path_loss.reference_loss_db is given; remove it",
    ),
    Malformed(
        "glass of open air",
        "network: {channel: {path_loss: {kind: umi, building: high_loss}}}\n",
        "1:44 network.channel.path_loss.building: has no effect: nobody is indoors: indoor_share is 0; remove it",
    ),
    Malformed(
        "machines around a low site are not looked over",
        "network: {channel: {path_loss: {kind: inf, clutter_height_m: 3.0}}}\n",
        "1:44 network.channel.path_loss.clutter_height_m: has no effect: in a hall sl both antennas are below the clutter; remove it",
    ),
    Malformed(
        "fading of a scenario without one",
        "network: {channel: {fading: {kind: sionna, speed_m_s: 1}}}\n",
        "1:29 network.channel.fading: got 'sionna', needs a path_loss of uma, umi, rma, inh, inf; or take taps",
    ),
    Malformed(
        "shadowing of a scenario without one",
        "network: {channel: {shadowing: {kind: tr38901}}}\n",
        "1:32 network.channel.shadowing: got 'tr38901', needs a path_loss of uma, umi, rma, inh, inf; or take correlated",
    ),
    Malformed(
        "carrier that the scenario is not for",
        "network: {channel: {carrier_hz: 60e9, path_loss: {kind: rma}}}\n",
        "1:33 network.channel.carrier_hz: got 6e+10, must be 5e+08 to 3e+10 with path_loss rma",
    ),
    Malformed(
        "simple wall at millimetre waves",
        "network: {channel: {carrier_hz: 28e9, path_loss: {kind: umi, indoor_share: 0.5, building: simple}}}\n",
        "1:33 network.channel.carrier_hz: got 2.8e+10, must be <= 6e9 with path_loss.building simple",
    ),
    Malformed(
        "more than everybody",
        "network: {channel: {path_loss: {kind: uma, indoor_share: 0.8, car_share: 0.4}}}\n",
        "1:74 network.channel.path_loss.car_share: got 0.4, must be <= 1 - indoor_share = 0.2",
    ),
    Malformed(
        "device too high for the scenario",
        "network: {channel: {path_loss: {kind: umi, device_height_m: 30}}}\n",
        "1:61 network.channel.path_loss.device_height_m: got 30, must be <= 22.5",
    ),
    Malformed(
        "device above the clutter",
        "network: {channel: {path_loss: {kind: inf, hall: sh, device_height_m: 3}}}\n",
        "1:32 network.channel.path_loss.clutter_height_m: got 2, must be > device_height_m = 3 and <= site_height_m = 8 in a hall sh",
    ),
    Malformed(
        "noise of a fixed rate",
        "server: {radio: {noise_figure_db: 5}}\nnetwork: {channel: {phy: {kind: fixed}}}\n",
        "1:18 server.radio.noise_figure_db: has no effect: no rate depends on noise; remove it",
    ),
    Malformed(
        "fading of a fixed rate",
        "network: {channel: {phy: {kind: fixed}, fading: {kind: none}}}\n",
        "1:41 network.channel.fading: has no effect: phy fixed has the same rate everywhere; remove it",
    ),
    Malformed(
        "carrier that nr does not have",
        "network: {channel: {phy: {kind: nr}}, medium: {kind: fdma, bandwidth_hz: 1e6}}\n",
        "1:74 network.medium.bandwidth_hz: got 1e+06, an NR carrier in fr1 with 30 kHz subcarriers has 5e6, 10e6, 15e6,"
        " 20e6, 25e6, 30e6, 40e6, 50e6, 60e6, 70e6, 80e6, 90e6, 100e6 Hz",
    ),
    Malformed(
        "transport block wider than the carrier",
        "network:\n  channel: {phy: {kind: nr, block_prb: 12}}\n  medium: {kind: fdma, bandwidth_hz: 5e6}\n",
        "2:40 network.channel.phy.block_prb: got 12, must be <= 11, the resource blocks of network.medium.bandwidth_hz",
    ),
    Malformed(
        "subcarriers of the other frequency range",
        "network: {channel: {phy: {kind: nr, subcarrier_spacing_khz: 120}}}\n",
        "1:61 network.channel.phy.subcarrier_spacing_khz: got 120, must be 15 or 30 or 60 in fr1",
    ),
    Malformed(
        "subcarriers that nr does not have",
        "network: {channel: {phy: {kind: nr, subcarrier_spacing_khz: 45}}}\n",
        "1:61 network.channel.phy.subcarrier_spacing_khz: got 45, allowed: 15, 30, 60, 120",
    ),
    Malformed(
        "retransmission without retransmission",
        "network: {channel: {phy: {kind: nr, harq: {transmissions: 1, combining: none}}}}\n",
        "1:62 network.channel.phy.harq.combining: has no effect: nothing is sent again: transmissions is 1; remove it",
    ),
    Malformed(
        "angle of no line of sight",
        "network: {channel: {fading: {kind: clarke, speed_m_s: 1, los_angle_deg: 60}}}\n",
        "1:58 network.channel.fading.los_angle_deg: has no effect: there is no line of sight: k_factor_db is not given; remove it",
    ),
    Malformed(
        "softer telephones that draw as much",
        "devices: [{count: 10, economy: {kind: deadline, power_range_db: 10}, radio: {kind: lte_phone}}]\n",
        "1:49 devices.0.economy.power_range_db: has no effect: a radio of kind lte_phone draws no less at a lower power; remove it",
    ),
    Malformed(
        "profile of nothing",
        "server: {profile: edge-gpu, processor: {kind: cmos}, radio: {}}\n",
        "1:10 server.profile: has no effect: processor and radio are both given; remove it",
    ),
    Malformed(
        "dropped in cells that are not there",
        "network: {layout: {kind: cells}}\n",
        "1:26 network.layout.kind: got 'cells', must be another: there is one cell; or set network.cells: {kind: hexagonal}",
    ),
    Malformed(
        "movement from cells that are not there",
        "network: {layout: {kind: cells}, mobility: {kind: gauss_markov}}\n",
        "1:26 network.layout.kind: got 'cells', must be another: there is one cell; or set network.cells: {kind: hexagonal}",
    ),
    Malformed(
        "cells on constant links",
        "network: {medium: {kind: constant}, cells: {kind: hexagonal}}\n",
        "...network.cells: has no effect: medium constant needs no positions and no channel; remove it",
    ),
    Malformed(
        "handover of those who stand still",
        "network: {cells: {kind: hexagonal, handover: {hysteresis_db: 1}}}\n",
        "1:36 network.cells.handover: has no effect: nobody moves; remove it",
    ),
    Malformed(
        "sites without wires",
        "network: {cells: {kind: hexagonal}, topology: {kind: graph}}\n",
        "...network.topology.wires: got none at site-1, site-2, site-3, site-4, site-5, site-6, must join all 7 sites of network.cells",
    ),
    Malformed(
        "wire to a site that is not there",
        "network: {topology: {kind: graph, wires: [{ends: [site-0, cloud]}, {ends: [site-5, cloud]}]}}\n",
        "...network.topology.wires.1.ends: got 'site-5', must be one of the 1 of network.cells, from 'site-0' on",
    ),
    Malformed(
        "broadcast over wires",
        "algorithm: {kind: sfl_ga}\nnetwork: {topology: {kind: graph}}\n",
        "...network.topology.kind: got 'graph', must be direct: sfl_ga broadcasts, which is one hop",
    ),
    Malformed(
        "relay of an unknown make",
        "network: {topology: {kind: graph, relays: [{name: r, at_m: [1, 2], profile: phone}]}}\n",
        "...network.topology.relays.0.profile: got 'phone' (did you mean ...?), allowed: ...",
    ),
    Malformed(
        "wire from a node to itself",
        "network: {topology: {kind: graph, wires: [{ends: [site-0, cloud]}, {ends: [edge, edge]}]}}\n",
        "1:75 network.topology.wires.1.ends: got ('edge', 'edge'), must be two different nodes",
    ),
    Malformed(
        "wire given twice",
        "network: {topology: {kind: graph, wires: [{ends: [site-0, cloud]}, {ends: [cloud, site-0]}]}}\n",
        "1:75 network.topology.wires.1.ends: got ('cloud', 'site-0') again, must be there once",
    ),
    Malformed(
        "relay called as the cloud",
        "network: {topology: {kind: graph, relays: [{name: cloud, at_m: [1, 2]}]}}\n",
        "1:51 network.topology.relays.0.name: got 'cloud', must be a name that no other node has",
    ),
    Malformed(
        "wire to nowhere",
        "network: {topology: {kind: graph, wires: [{ends: [site-0, edge]}]}}\n",
        "1:42 network.topology.wires: got none at 'cloud', must join 'site-0' and the server 'cloud'",
    ),
    Malformed(
        "peers under a street canyon",
        "algorithm: {kind: split_learning, hand_over: peer}\nnetwork: {channel: {path_loss: {kind: umi}}}\n",
        "2:39 network.channel.path_loss.kind: got 'umi', must be a law of distance: umi is for a site, and clients hand over as peers",
    ),
]
