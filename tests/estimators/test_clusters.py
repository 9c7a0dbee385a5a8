"""Groups of rows of mixed kinds: planted groups are found, and where there are none it is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.metrics import adjusted_rand_score

from gongbi.errors import InvalidInput
from gongbi.estimators.clusters import MixedClusters, choose_clusters


def planted(n: int = 900, seed: int = 0) -> tuple[pd.DataFrame, Any]:
    """Four groups, told apart by a skewed number, one with gaps and a category that is sometimes wrong."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 4, n)
    names = np.array(["east", "west", "north", "south"])
    frame = pd.DataFrame(
        {
            "spend": rng.lognormal(group, 0.3),
            "visits": np.where(rng.random(n) < 0.2, np.nan, rng.normal(group % 2 * 4, 1)),
            "town": np.where(rng.random(n) < 0.9, names[group], "east"),
        }
    )
    return frame, group


def test_planted_groups_are_found_and_their_number_is_chosen_for_being_stable_and_clear() -> None:
    frame, group = planted()
    choice = choose_clusters(frame, 2, 6, resamples=3)
    assert (choice.chosen.clusters, choice.reason) == (4, "stable")
    assert adjusted_rand_score(group, choice.model.labels_) > 0.85
    assert [c.clusters for c in choice.candidates] == [2, 3, 4, 5, 6]
    assert choice.chosen.silhouette > choice.chosen.chance + 0.2
    assert choice.chosen.stability > 0.8


def test_the_species_of_irises_come_out_about_as_well_as_k_means_is_known_to_find_them() -> None:
    """Fisher's irises; plain k-means on standardised columns reaches an adjusted Rand index of 0.62."""
    iris = load_iris()
    found = MixedClusters(3).fit(iris.data)
    assert adjusted_rand_score(iris.target, found.labels_) > 0.55


def test_where_there_are_no_groups_the_silhouette_is_that_of_shuffled_columns() -> None:
    noise = pd.DataFrame(np.random.default_rng(3).normal(size=(600, 4)), columns=list("abcd"))
    chosen = choose_clusters(noise, 2, 4, resamples=2).chosen
    assert abs(chosen.silhouette - chosen.chance) < 0.05


def test_the_same_seed_gives_the_same_clusters_and_kept_ones_assign_alike() -> None:
    frame, _ = planted()
    one, two = (MixedClusters(4, seed=5).fit(frame) for _ in range(2))
    assert (one.labels_ == two.labels_).all()
    again = MixedClusters.from_json(one.to_json())
    assert (again.predict(frame) == one.labels_).all()
    assert (one.fit_predict(frame) == one.labels_).all()
    sizes = np.bincount(one.labels_)
    assert (np.diff(sizes) <= 0).all()


def test_everybody_is_assigned_in_batches_as_they_would_be_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    frame, _ = planted()
    fitted = MixedClusters(4).fit(frame)
    label, clarity = fitted.assign(frame)
    monkeypatch.setattr("gongbi.estimators.clusters.BATCH", 100)
    in_parts = fitted.assign(frame)
    assert (in_parts[0] == label).all()
    assert np.allclose(in_parts[1], clarity)
    assert (clarity >= 0).all()
    assert (clarity <= 1).all()


def test_centres_of_a_sample_stand_for_all() -> None:
    frame, group = planted(4000)
    assert adjusted_rand_score(group, MixedClusters(4, sample=400).fit(frame).labels_) > 0.8


def test_one_giant_is_no_cluster_and_unknown_categories_count_as_absent() -> None:
    frame, group = planted()
    frame.loc[0, "spend"] = 1e12
    fitted = MixedClusters(4).fit(frame)
    assert np.bincount(fitted.labels_).min() > 50
    odd = frame.assign(town="elsewhere")
    assert fitted.predict(odd).shape == (len(frame),)
    assert adjusted_rand_score(group, fitted.labels_) > 0.85


def test_rows_that_are_all_alike_or_too_few_are_refused() -> None:
    same = pd.DataFrame({"a": [1.0] * 50, "b": ["x"] * 50})
    with pytest.raises(InvalidInput, match="1 different rows are too few"):
        choose_clusters(same)
    with pytest.raises(InvalidInput, match="no range"):
        choose_clusters(same, 5, 3)
    with pytest.raises(InvalidInput, match="cannot be made"):
        MixedClusters(2).fit(same)
