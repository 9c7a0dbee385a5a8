"""Texts of clusters, personas, grades and yearly reports."""

from __future__ import annotations

PORTRAITS: dict[str, tuple[str, str]] = {
    # Clusters, on the page of models.
    "clusters.number": ("群数", "Clusters"),
    "clusters.members": ("{n} 位成员", "{n} members"),
    "clusters.silhouette": ("轮廓系数", "Silhouette"),
    "clusters.shuffled": ("打乱各列后 {n}", "{n} with columns shuffled"),
    "clusters.chance": ("打乱后", "Shuffled"),
    "clusters.stability": ("稳定性", "Stability"),
    "clusters.stability_about": ("重抽样后的一致程度，1 为完全一致", "agreement when resampled; 1 is full"),
    "clusters.smallest": ("最小的群", "Smallest"),
    "clusters.chosen": ("选用", "chosen"),
    "clusters.candidates": ("为什么是这个数", "Why so many"),
    "clusters.candidates_about": ("试过的群数", "the numbers that were tried"),
    "clusters.sizes": ("各群大小", "Sizes"),
    "clusters.sizes_about": ("占全体的比例", "share of all"),
    "clusters.one": ("第 {n} 群", "Cluster {n}"),
    "clusters.traits": ("与全体相比最突出的特征", "what sets it apart from everybody"),
    "clusters.no_traits": ("没有突出的特征。", "Nothing stands out."),
    "clusters.open": ("在客群中打开", "Open as a group"),
    # Grades.
    "grading.title": ("客户分级", "Grades"),
    "grading.about": (
        "两种购买方式，五级规模；每格有人负责，按节奏联系。",
        "Two ways of buying, five levels; somebody cares for each.",
    ),
    "grading.empty": ("还没有分级", "No grading yet"),
    "grading.empty.next": (
        "在 definitions/gradings 写分级定义，使其生效并构建。",
        "Define one under definitions/gradings.",
    ),
    "grading.members": ("客户", "Customers"),
    "grading.due": ("应联系", "Due for care"),
    "grading.due_n": ("{n} 位应联系", "{n} due"),
    "grading.moved": ("换格的客户", "Moved"),
    "grading.since": ("与 {when} 相比", "since {when}"),
    "grading.matrix": ("两类五级", "Two types, five levels"),
    "grading.matrix_about": (
        "人数、规模、升降、责任岗位与联系周期",
        "customers, volume, moves, who cares and how often",
    ),
    "grading.type": ("购买方式", "Type"),
    "grading.level": ("等级", "Level"),
    "grading.level_n": ("{n} 级", "Level {n}"),
    "grading.volume": ("规模", "Volume"),
    "grading.post": ("责任岗位", "Post"),
    "grading.rhythm": ("联系周期", "Rhythm"),
    "grading.quiet": ("距上次联系", "Last contact"),
    "grading.moves": ("升入 {up} · 降入 {down} · 离开 {left}", "up {up} · down {down} · left {left}"),
    "grading.care": ("{post} · 每 {n} 天", "{post} · every {n} days"),
    "grading.days": ("{n} 天", "{n} days"),
    "grading.never": ("从未联系", "never"),
    "grading.list": ("应联系的客户", "Due for care"),
    "grading.list_about": (
        "距上次联系超过周期，等级高者在前",
        "longer without contact than their rhythm; highest first",
    ),
    "grading.nobody": ("没有人等待联系", "Nobody is due"),
    "grading.nobody.next": ("每位客户都在周期内联系过。", "Everybody was contacted in time."),
}
