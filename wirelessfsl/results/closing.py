"""What a run cost, in a few lines for the terminal."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from wirelessfsl.records import LABELS, TRANSFER
from wirelessfsl.results.metrics import diverged, dropped
from wirelessfsl.results.prefixes import said

if TYPE_CHECKING:
    from wirelessfsl.results.store import Run


def closing(run: Run) -> str:
    """What the run cost, in a few lines, and where it is."""
    found = run.summary
    energy, sent, final, best = (found[key] for key in ("energy_j", "bytes", "final", "best"))
    total, devices, server = (said("J", energy[key]) for key in ("total", "devices", "server"))
    accuracy = "none, for this run is timing-only" if run.timing_only else "no evaluation"
    if final["accuracy"] is not None:
        accuracy = f"{final['accuracy']:.4f} (best {best['accuracy']:.4f} in round {best['round']})"
    lines = [
        f"{run.name}: {found['status']} after {found['rounds']} round{'' if found['rounds'] == 1 else 's'}",
        f"  accuracy        {accuracy}",
        f"  simulated time  {said('s', found['simulated_s'])}",
        f"  energy          {total} (devices {devices}, server {server})",
        f"  traffic         {said('B', sent['uplink'])} up, {said('B', sent['downlink'])} down",
    ]
    if found["energy_j"]["devices"]:
        labels = sent["by_phase"].get(LABELS)
        where = "stayed at the clients" if labels is None else f"left the clients ({said('B', labels)})"
        lines.append(f"  labels          {where}")
    for target, seconds in () if run.timing_only else found["time_to_accuracy_s"].items():
        joules = found["energy_to_accuracy_j"][target]
        cost = "not reached" if seconds is None else f"{said('s', seconds)}, {said('J', joules)}"
        lines.append(f"  to accuracy {target:<4} {cost}")
    facts = run.facts
    parts = (facts.attempts == 0) & (facts.bytes > 0)
    sendings = facts.activity.among(TRANSFER) & ~parts
    if lost := int(facts.bytes[parts].sum()):
        lines.append(f"  lost packets    {said('B', lost)} of {said('B', int(facts.bytes.sum()))}")
    if gone := int((sendings & ~facts.delivered).sum()):
        lines.append(f"  not delivered   {gone} of {int(sendings.sum())} messages")
    drops = dropped(facts)
    if drops.left:
        lines.append(f"  dropped         {drops.left} of {drops.client_rounds} client-rounds were dropped")
    if made := run.manifest.get("compiled"):
        kept = f"{made['cached']} from the cache of earlier runs"
        left = f", {made['left']} with random numbers left as they are" if made["left"] else ""
        lines.append(f"  compiled        {made['passes']} passes in {made['seconds']:.0f} s ({kept}){left}")
    if not run.timing_only and diverged(run.evaluations):
        lines.append("the loss is not a number: the training failed; a smaller learning rate may help")
    lines.append(f"run folder: {run.path}")
    lines.append(f"figures:    wirelessfsl plot {quote(str(run.path))}")
    return "\n".join(lines)
