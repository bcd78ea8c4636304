"""What an update is worth that was begun some versions of the model ago.

Xie, Koyejo, Gupta, "Asynchronous Federated Optimization", arXiv:1903.03934 (2019), whose three kinds these are; tau is
the number of updates that the model has taken in since the client was sent it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from wirelessfsl.settings import Kinds, settings
from wirelessfsl.units import Ge, NonNegative


@settings
class ConstantWeight:
    """The same weight for all, s(tau) = 1.

    >>> ConstantWeight().weight(7)
    1.0
    """

    kind: Literal["constant"] = "constant"

    def weight(self, staleness: int) -> float:
        """Factor of the mixing weight of an update this many versions old."""
        return 1.0


@settings
class PolynomialWeight:
    """A weight that falls by a power, s(tau) = (1 + tau)^-a.

    exponent: a, >= 0; 0 is the constant weight.

    >>> PolynomialWeight(exponent=0.5).weight(3)
    0.5
    """

    kind: Literal["polynomial"] = "polynomial"
    exponent: NonNegative = 0.5

    def weight(self, staleness: int) -> float:
        """Factor of the mixing weight of an update this many versions old."""
        return float((1 + staleness) ** -self.exponent)


@settings
class HingeWeight:
    """Full weight up to a staleness, s(tau) = 1 if tau <= b, else 1 / (a (tau - b) + 1).

    slope: a, >= 0.
    patience: b, versions that cost nothing, >= 0.

    >>> HingeWeight(slope=10.0, patience=4).weight(5)
    0.09090909090909091
    """

    kind: Literal["hinge"] = "hinge"
    slope: NonNegative = 10.0
    patience: Annotated[int, Ge(0)] = 4

    def weight(self, staleness: int) -> float:
        """Factor of the mixing weight of an update this many versions old."""
        return 1.0 / (self.slope * max(staleness - self.patience, 0) + 1.0)


Staleness = Annotated[ConstantWeight | PolynomialWeight | HingeWeight, Kinds()]
