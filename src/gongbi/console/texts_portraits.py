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
}
