"""How far down a tree of clusters it is worth going.

    cross   mean cosine between the memories of two sides
    within  mean cosine between different memories of one side
    split   (within − cross) / (within − background): 0 where sides are one, 1 where they are as foreign to
            each other as texts drawn from the whole population (`background`)

Suffixes: U points, D width of a vector.
"""

import heapq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from induce.ward import Floats, Tree

LEAST_SPREAD = 0.05
"""`within` is taken to lie this far above the background at least: unrelated memories part in nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Points that are together: their weighted sum (D), its weight, the sums that stand for each point's
    cosine with itself, and how many memories there are."""

    points: tuple[int, ...]
    total: Floats
    weight: float
    own: float
    own_cosine: float
    memories: float

    def __add__(self, other: "Group") -> "Group":
        return Group(
            points=self.points + other.points,
            total=self.total + other.total,
            weight=self.weight + other.weight,
            own=self.own + other.own,
            own_cosine=self.own_cosine + other.own_cosine,
            memories=self.memories + other.memories,
        )

    @property
    def within(self) -> float | None:
        """Mean cosine between different texts, by weight; None of a single one."""
        if len(self.points) < 2:
            return None
        return float((self.total @ self.total - self.own_cosine) / (self.weight**2 - self.own))

    def cross(self, vector: Floats) -> float:
        """Mean cosine of the group with a vector, or with the mean of another group."""
        return float(self.total @ vector / self.weight)


def groups_of(vectors_UD: npt.NDArray[np.floating], weights_U: Floats, memories_U: Floats) -> list[Group]:
    """Every point as a group of its own."""
    vectors = np.asarray(vectors_UD, dtype=np.float64)
    return [
        Group(
            points=(place,),
            total=weight * vector,
            weight=weight,
            own=weight**2,
            own_cosine=float(weight**2 * (vector @ vector)),
            memories=count,
        )
        for place, (vector, weight, count) in enumerate(
            zip(vectors, weights_U.tolist(), memories_U.tolist(), strict=True)
        )
    ]


def foreignness(within: float, cross: float, background: float) -> float:
    """`split` of the module's docstring."""
    return (within - cross) / max(within - background, LEAST_SPREAD)


def worthwhile(
    tree: Tree, points: list[Group], *, background: float, worth: float, least: float, most: int
) -> list[Group]:
    """The clusters of `tree`, at least one, at most `most`, none with fewer than `least` memories if any
    has as many; largest weight first. What is in none of them is loose.

    From the whole down, costliest merge first, a cluster is split where the sides are foreign by `worth` or
    more. A side with fewer than `least` memories is cut off, and the rest goes on; where both have fewer, or
    sides are less foreign, the cluster stays whole.
    """
    if not len(tree.pairs):
        return points
    children: dict[int, tuple[float, Group, int, Group, int]] = {}
    node = {place: place for place in range(len(points))}
    grown = dict(enumerate(points))
    merges = zip(tree.pairs.tolist(), tree.costs.tolist(), strict=True)
    for merged, ((keep, go), cost) in enumerate(merges, start=len(points)):
        left, right = node[keep], node[go]
        children[merged] = (cost, grown[left], left, grown[right], right)
        grown[merged], node[keep] = grown[left] + grown[right], merged
    root = len(points) + len(tree.pairs) - 1
    open_nodes, done = [(-children[root][0], root)], list[Group]()
    while open_nodes:
        _, number = heapq.heappop(open_nodes)
        _, one, one_number, other, other_number = children[number]
        sides = [(one, one_number), (other, other_number)]
        large = [side for side in sides if side[0].memories >= least]
        within = within_sides(one, other)
        is_split = (
            bool(large)
            and len(done) + len(open_nodes) + len(large) <= most
            and within is not None
            and foreignness(within, one.cross(other.total / other.weight), background) >= worth
        )
        if not is_split:
            done.append(grown[number])
            continue
        for group, place in large:
            if place in children:
                heapq.heappush(open_nodes, (-children[place][0], place))
            else:
                done.append(group)
    return sorted(done, key=lambda group: (-group.weight, min(group.points)))


def within_sides(one: Group, other: Group) -> float | None:
    """`within` of the module's docstring, of both sides by weight; None where each is of a single text."""
    known = [(side.within, side.weight) for side in (one, other)]
    values = [(within, weight) for within, weight in known if within is not None]
    if not values:
        return None
    return sum(within * weight for within, weight in values) / sum(weight for _, weight in values)
