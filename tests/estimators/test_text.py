"""Texts: n-grams against a plain count, labels that can be learned, moods by their words."""

from __future__ import annotations

import json
import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from gongbi.errors import InvalidInput, NotFitted
from gongbi.estimators.text.bursts import bursts, warning_levels
from gongbi.estimators.text.classifier import TextClassifier
from gongbi.estimators.text.complaints import ComplaintModel
from gongbi.estimators.text.moods import moods
from gongbi.estimators.text.ngrams import Grams, hashed, weighted
from gongbi.estimators.text.normal import normal
from gongbi.estimators.text.sentiment import Sentiment, examples
from gongbi.estimators.text.topics import TopicModel, choose_topics, words

GOOD = ["房间干净舒适", "服务热情，下次还来", "早餐丰盛，很满意", "位置方便，性价比高"]
BAD = ["房间又脏又吵", "服务冷漠，再也不来", "早餐难吃，很失望", "位置偏僻，太贵了"]


def made_up(n: int = 60) -> tuple[list[str], list[str]]:
    """Texts of two kinds with a shared filler, in a fixed order."""
    texts = [f"{(GOOD if i % 2 else BAD)[i // 2 % 4]}第{i % 7}天" for i in range(n)]
    return texts, ["good" if i % 2 else "bad" for i in range(n)]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(alphabet="好坏不很a 😀", max_size=8), min_size=1, max_size=6))
def test_hashed_ngrams_are_those_of_a_plain_loop_over_each_text(texts: list[str]) -> None:
    owner, gram = hashed(texts, 3, 20)
    got = Counter(owner.tolist())
    assert [got[i] for i in range(len(texts))] == [sum(max(0, len(t) - n + 1) for n in (1, 2, 3)) for t in texts]
    for i, text in enumerate(texts):
        pieces = [text[k : k + n] for n in (1, 2, 3) for k in range(len(text) - n + 1)]
        assert Counter(Counter(gram[owner == i].tolist()).values()) == Counter(Counter(pieces).values())


def test_counts_hold_only_ngrams_of_enough_texts_and_rows_get_unit_length() -> None:
    texts = ["好好", "好坏", "坏"]
    counts = Grams.learn(texts, 2, 18, 2).counts(texts)
    assert sorted(counts.toarray().sum(axis=1).tolist()) == [1, 2, 2]
    rows = weighted(counts, np.ones(counts.shape[1])).toarray()
    assert np.allclose((rows**2).sum(axis=1), 1)
    assert Grams.learn(texts, 2, 18, 2).counts(["", "猫"]).nnz == 0


def test_a_text_is_the_same_in_full_width_in_traditional_characters_and_with_more_blanks() -> None:
    assert normal("服務 　熱情！ＯＫ") == normal("服务 热情!ok")


def test_a_classifier_tells_kinds_apart_and_survives_json_and_pickle() -> None:
    texts, labels = made_up()
    model = TextClassifier().fit(texts, labels)
    unseen = ["房间脏，难吃", "干净，很满意，下次还来"]
    assert model.predict(unseen).tolist() == ["bad", "good"]
    chance = model.predict_proba(unseen)
    assert np.allclose(chance.sum(axis=1), 1)
    kept = TextClassifier.from_json(json.loads(json.dumps(model.to_json())))
    assert np.allclose(kept.predict_proba(unseen), chance, atol=1e-5)
    assert np.allclose(pickle.loads(pickle.dumps(model)).predict_proba(unseen), chance)
    again = clone(model).fit(texts, labels)
    assert np.array_equal(again.predict_proba(unseen), chance)
    assert model.predict_proba([]).shape == (0, 2)


def test_three_labels_and_an_empty_text_have_chances_that_sum_to_one() -> None:
    texts, labels = made_up()
    texts, labels = [*texts, *["发货慢，等了很久", "快递慢，没到"] * 10], [*labels, *["late"] * 20]
    model = TextClassifier().fit(texts, labels)
    assert model.classes_.tolist() == ["bad", "good", "late"]
    assert model.predict(["快递慢"]).tolist() == ["late"]
    assert np.allclose(model.predict_proba(["", None]).sum(axis=1), 1)


def test_what_cannot_be_learned_from_is_refused() -> None:
    with pytest.raises(NotFitted):
        TextClassifier().predict(["好"])
    with pytest.raises(InvalidInput, match="same label"):
        TextClassifier().fit(["好", "坏"], [1, 1])
    with pytest.raises(InvalidInput, match="one text"):
        TextClassifier().fit(["好", "坏", "坏"], [1, 0, 0])
    with pytest.raises(InvalidInput, match="share no characters"):
        TextClassifier().fit(["一", "二", "三", "四"], [1, 0, 1, 0])
    with pytest.raises(InvalidInput, match="2 texts and 1 labels"):
        TextClassifier().fit(["好", "坏"], [1])
    with pytest.raises(InvalidInput, match="which is no text"):
        TextClassifier().fit([1, 2], [0, 1])  # type: ignore[list-item]
    with pytest.raises(InvalidInput, match="one text"):
        TextClassifier().fit("好坏", [0, 1])


def test_words_of_moods_are_counted_the_longest_first_and_turned_by_a_no() -> None:
    found = moods(["非常满意，谢谢", "不满意，太脏了", "并不是很方便", "今天星期三", None])
    assert found.balance[0] == 1
    assert found.balance[1] == -1
    assert found.balance[2] == -1
    assert np.isnan(found.balance[3:]).all()
    assert found.strongest()[1] in ("disappointment", "disgust")
    assert found.strongest()[3] is None
    assert not moods(["ambassador"]).counts.any()


def test_a_topic_that_rises_beyond_its_past_is_told_and_a_full_day_is_not() -> None:
    rng = np.random.default_rng(3)
    totals = np.full(30, 1000)
    totals[20] = 3000
    counts = rng.poisson(np.outer(totals, [0.02, 0.05, 0.01]))
    counts[25, 2] = 60
    found = bursts(counts, totals, false_share=0.01)
    assert (found.period[0], found.topic[0], found.seen[0]) == (25, 2, 60)
    assert 20 not in found.period
    assert found.tested == 22 * 3
    with pytest.raises(InvalidInput, match="too few"):
        bursts(counts[:5], past=8)


def test_of_topics_in_which_nothing_happens_hardly_any_is_told() -> None:
    counts = np.random.default_rng(0).poisson(20, size=(60, 40))
    assert len(bursts(counts, false_share=0.05).period) <= 3


def test_a_complaint_goes_down_the_taxonomy_as_far_as_it_is_sure() -> None:
    kinds = {("物流", "慢"): "快递太慢了等很久", ("物流", "破损"): "包裹破损压坏了", ("客服",): "客服态度冷淡不理人"}
    texts = [f"{text}第{i}单" for text in kinds.values() for i in range(12)]
    labels = [kind for kind in kinds for _ in range(12)]
    model = ComplaintModel([("物流", "慢"), ("物流", "破损"), ("客服",), ("质量",)]).fit(texts, labels)
    assert [path for path, _ in model.predict(["快递太慢", "包裹压坏了", "客服冷淡"])] == list(kinds)
    assert model.unseen_ == [("质量",)]
    assert all(0 < chance <= 1 for _, chance in model.predict(texts[:3]))
    kept = ComplaintModel.from_json(json.loads(json.dumps(model.to_json())))
    assert [path for path, _ in kept.predict(texts)] == [path for path, _ in model.predict(texts)]
    wary = ComplaintModel(sure=1.01).fit(texts, labels)
    assert {path for path, _ in wary.predict(["快递太慢"])} == {("物流",)}
    with pytest.raises(InvalidInput, match="no type"):
        ComplaintModel([("客服",)]).fit(texts, labels)


def test_an_early_warning_begins_where_the_chance_falls_below_what_is_asked() -> None:
    rng = np.random.default_rng(1)
    counts, totals = rng.poisson([20, 5, 80], size=(8, 3)), np.full(8, 1000)
    levels = warning_levels(counts, totals, chance=0.01)
    for seen, wanted in ((levels, True), (levels - 1, False)):
        # What `bursts` says of the period after it, looked at alone, is the same chance.
        alone = [bursts(np.vstack([counts, seen])[:, [k]], np.full(9, 1000), false_share=0.01) for k in range(3)]
        assert [len(one.period) == 1 for one in alone] == [wanted] * 3
    assert (warning_levels(counts, totals, full=3000, chance=0.01) > levels).all()
    assert warning_levels(np.zeros((4, 1)), np.zeros(4)).tolist() == [5]
    with pytest.raises(InvalidInput, match="two periods"):
        warning_levels(counts[:1], totals[:1])


GROUPS = (
    "早餐 餐厅 味道 菜品 厨师 米饭 水果 牛奶 面包 咖啡".split(),
    "快递 包装 破损 物流 包裹 签收 仓库 发货 退货 运费".split(),
    "信号 宽带 报修 流量 套餐 话费 漫游 营业厅 欠费 停机".split(),
)


def spoken(n: int = 150) -> list[str]:
    """Texts of three groups of words, four words of one group each, in a fixed order."""
    rng = np.random.default_rng(7)
    return ["，".join(rng.choice(GROUPS[i % 3], 4, replace=False)) for i in range(n)]


def test_topics_are_words_that_go_together() -> None:
    texts = spoken()
    model = TopicModel(3, least=3, named_by=10).fit(texts)
    assert {frozenset(name) for name in model.names_} == {frozenset(group) for group in GROUPS}
    best = model.weigh(texts).argmax(axis=1)
    assert all(len(set(best[k::3].tolist())) == 1 for k in range(3))
    assert 0.3 < model.told_ <= 1
    unknown = model.weigh(["今天星期三", None])
    assert unknown.shape == (2, 3)
    assert not unknown.any()
    kept = TopicModel.from_json(json.loads(json.dumps(model.to_json())))
    assert np.allclose(kept.weigh(texts), model.weigh(texts), atol=1e-4)
    with pytest.raises(InvalidInput, match="No word"):
        TopicModel(2).fit(["早餐", "快递"])
    with pytest.raises(NotFitted):
        TopicModel().weigh(texts)


def test_as_many_topics_are_chosen_as_there_are_groups_of_words() -> None:
    found = choose_topics(words(spoken()), 2, 5, least=3)
    assert found.chosen.number == 3
    assert [one.number for one in found.tried] == [2, 3, 4, 5]
    assert found.chosen.stability == max(one.stability for one in found.tried)
    only = choose_topics(words(spoken()), 4, 4, least=3)
    assert (only.chosen.number, only.reason) == (4, "only")


def test_texts_without_labels_are_told_apart_by_examples_and_words() -> None:
    texts, signs = examples()
    assert min(sum(signs), len(signs) - sum(signs)) > 90
    assert len(set(texts)) == len(texts)
    model = Sentiment().fit([])
    unseen = ["服务周到，很满意", "房间太脏，非常失望", "等了两个小时没人管", "师傅很准时，活干得漂亮"]
    assert (model.log_odds(unseen) > 0).tolist() == [True, False, False, True]
    assert model.log_odds(["今天星期三"])[0] == pytest.approx(0, abs=3)
    kept = Sentiment.from_json(json.loads(json.dumps(model.to_json())))
    assert np.allclose(kept.predict_good(unseen), model.predict_good(unseen))


def test_what_a_trade_calls_bad_is_learned_from_its_own_texts() -> None:
    # 漏液 is in no list: it stands beside words that are.
    texts = [f"{'漏液，太差了，很失望' if i % 2 else '滋润，很好用，非常满意'}{i % 9}" for i in range(80)]
    model = Sentiment().fit(texts)
    assert model.taught_ > 40
    assert model.log_odds(["漏液"])[0] < Sentiment().fit([]).log_odds(["漏液"])[0]
    assert model.log_odds(["漏液"])[0] < 0 < model.log_odds(["滋润"])[0]
    kept = Sentiment.from_json(json.loads(json.dumps(model.to_json())))
    assert np.allclose(kept.log_odds(["漏液", "滋润"]), model.log_odds(["漏液", "滋润"]), atol=1e-3)
