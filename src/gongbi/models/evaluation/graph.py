"""`evaluate graph`: circles of anybody's ties, judged by known groups and by modularity."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gongbi.catalog.base import Words
from gongbi.errors import InvalidInput
from gongbi.models.evaluation.base import CORRELATION, MODEL, SHARE, Evaluation, Kind, Option, Request, repeated
from gongbi.models.evaluation.reading import checked, numbers_of, read_frame

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gongbi.estimators.checks import IntArray
    from gongbi.estimators.graph.network import Network

BASELINES = {
    "louvain": Words("Louvain，一次", "Louvain, one run"),
    "components": Words("连通分量", "connected components"),
}
TITLES: Mapping[str, Any] = {
    "nmi": (Words("与已知分组的归一化互信息", "Normalised mutual information with the known groups"), "high", SHARE),
    "ari": (Words("与已知分组的调整兰德指数", "Adjusted Rand index with the known groups"), "high", CORRELATION),
    "modularity": (Words("模块度", "Modularity"), "high", CORRELATION),
}


def run(frame: Any, request: Request) -> Evaluation:
    """Find circles in ties, once per seed; with known groups, say how well they agree."""
    from gongbi.estimators.graph.circles import Circles, modularity
    from gongbi.estimators.graph.louvain import louvain
    from gongbi.estimators.graph.network import network

    source, target = request.text("source") or "", request.text("target") or ""
    names = [str(name) for name in frame.columns]
    if not (source and target) and len(names) < 2:
        raise InvalidInput("Ties have two columns.", hint="Name them with --source and --target.")
    source, target = source or names[0], target or names[1]
    notes = [Words(f"关系的两端：{source}、{target}。", f"The ends of a tie: {source} and {target}.")]
    if source == target:
        raise InvalidInput(f"Both ends of a tie are column {source!r}.", hint="Name two columns: --source, --target.")
    one, other = _shown(frame[source]), _shown(frame[target])
    known = np.array([a is not None and b is not None for a, b in zip(one, other, strict=True)], dtype=bool)
    if lost := int((~known).sum()):
        notes.append(Words(f"{lost} 行缺少一端，未用。", f"{lost} rows lack an end and are left out."))
    weights = None if (weight := request.text("weight")) is None else numbers_of(frame, weight)[known]
    net = network(one[known].astype(str), other[known].astype(str), weights)
    groups, judged = known_groups(net, request, notes)
    resolution = request.number("resolution", 1.0)
    sizes: list[int] = []

    def trial(_: object, seed: int) -> Mapping[str, Mapping[str, float]]:
        found = Circles(resolution=resolution, seed=seed).fit(net)
        sizes.append(len(found.sizes_))
        plain = louvain(net, resolution=resolution, seed=seed)
        divisions = {MODEL: found.labels_, "louvain": plain, "components": components(net)}
        figures: dict[str, dict[str, float]] = {
            "modularity": {who: modularity(net, labels) for who, labels in divisions.items()}
        }
        if groups is not None:
            figures |= agreement(groups, {who: labels[judged] for who, labels in divisions.items()})
        return figures

    measures = repeated(
        trial,
        [None] * len(request.seeds),
        TITLES,
        seeds=request.seeds,
        judged_per_learned=0.0,
        progress=request.progress,
    )
    counts = {"members": len(net.ids), "ties": int(net.ties.nnz // 2), "judged": int(judged.sum()), "circles": sizes}
    return Evaluation(
        kind="graph",
        model=Words(f"Leiden 社群，分辨率 {resolution:g}", f"Leiden communities at resolution {resolution:g}"),
        baselines=BASELINES,
        rows=int(known.sum()),
        split=Words(
            "无需划分：每次换一个种子，分组只用于检验。",
            "Nothing is split: another seed each time, and groups only judge.",
        ),
        seeds=request.seeds,
        measures=measures,
        notes=tuple(notes),
        details=counts,
    )


def known_groups(net: Network, request: Request, notes: list[Words]) -> tuple[IntArray | None, NDArray[np.bool_]]:
    """Group of each member who has one, and who that is; None without a file of groups."""
    nobody = np.zeros(len(net.ids), dtype=bool)
    path = request.text("labels")
    if path is None:
        return None, nobody
    frame, _ = read_frame(Path(path))
    names = [str(name) for name in frame.columns]
    node, group = request.text("node") or names[0], request.text("label") or names[-1]
    checked(frame, [node, group])
    if node == group:
        raise InvalidInput("Groups have two columns.", hint="Name them with --node and --label.")
    notes.append(Words(f"已知分组：{node} → {group}。", f"Known groups: {node} → {group}."))
    pairs = zip(_shown(frame[node]), _shown(frame[group]), strict=True)
    known = {str(member): str(where) for member, where in pairs if member is not None and where is not None}
    judged = np.array([str(member) in known for member in net.ids], dtype=bool)
    if not judged.any():
        raise InvalidInput(
            f"No member of the ties is in column {node!r} of the groups.", hint="Write members alike in both files."
        )
    if missing := len(known) - int(judged.sum()):
        words = f"{missing} members with a group have no tie and are left out."
        notes.append(Words(f"{missing} 位有分组的成员没有关系，未用。", words))
    return np.unique([known[str(m)] for m in net.ids[judged]], return_inverse=True)[1].astype(np.int64), judged


def agreement(groups: IntArray, divisions: Mapping[str, IntArray]) -> dict[str, dict[str, float]]:
    """Both measures of agreement of each division with the groups."""
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    return {
        "nmi": {who: float(normalized_mutual_info_score(groups, labels)) for who, labels in divisions.items()},
        "ari": {who: float(adjusted_rand_score(groups, labels)) for who, labels in divisions.items()},
    }


def components(net: Network) -> IntArray:
    """Everybody whom a path connects is one group."""
    from scipy.sparse.csgraph import connected_components

    found: IntArray = connected_components(net.ties, directed=False)[1].astype(np.int64)
    return found


def _shown(column: Any) -> NDArray[Any]:
    """Members as texts: 7.0 is 7, absent is None."""
    found = np.empty(len(column), dtype=object)
    for i, value in enumerate(column):
        if value is None or value != value:
            continue
        found[i] = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return found


KIND = Kind(
    name="graph",
    title=Words("圈子评估", "Evaluation of circles"),
    about=Words("评估关系中的圈子：每行一条关系。", "Circles among members: one row per tie."),
    options=(
        Option("source", Words("关系的一端，默认第一列。", "Column: one end of a tie; the first where not given.")),
        Option("target", Words("关系的另一端，默认第二列。", "Column: the other end; the second where not given.")),
        Option("weight", Words("关系强度列。", "Column: how much a tie counts.")),
        Option(
            "labels", Words("已知分组的文件。", "File of known groups: a member and a group per row."), takes="file"
        ),
        Option("node", Words("该文件的成员列，默认第一列。", "Its column of members; the first."), takes="text"),
        Option("label", Words("该文件的分组列，默认最后一列。", "Its column of groups; the last."), takes="text"),
        Option("resolution", Words("分辨率，默认 1。", "Resolution, 1 where not given."), takes="number"),
    ),
    run=run,
    splits=("seeds",),
)
