"""Definitions of models: what is predicted, of whom, how far ahead, and by what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

from gongbi.catalog.naming import NO_WORDS, Words, check_name
from gongbi.core.clock import parse_instant
from gongbi.errors import InvalidDefinition, InvalidInput, Place

#: The longest horizon of a model: ten years.
MOST_DAYS = 3650
#: Keys that are lengths of time, with the least of each.
DAYS = {"horizon_days": 1, "holdout_days": 1, "period_days": 1, "grace_days": 0, "trend_days": 0}
#: The most cohorts that follow from a target: older ones say little of today.
MOST_COHORTS = 12
#: The most clusters that a model tries: nobody keeps more apart.
MOST_CLUSTERS = 30

Refresh = Literal["manual", "hourly", "daily", "weekly", "monthly"]
Often = Literal["beta_geo", "modified_beta_geo", "pareto_nbd", "beta_geo_beta_binom"]
Estimator = Literal[
    "purchases",
    "propensity",
    "newcomers",
    "wallet",
    "stages",
    "contracts",
    "recurring",
    "life_event",
    "send_time",
    "trait",
    "uplift",
    "clusters",
    "texts",
    "circles",
    "price",
]

#: What a kind of model cannot do without.
NEEDS: Mapping[Estimator, tuple[str, ...]] = {
    "purchases": ("fact", "amount"),
    "stages": ("fact", "amount"),
    "contracts": ("fact", "columns"),
    "recurring": ("fact", "payee"),
    "life_event": ("fact", "signs"),
    "send_time": ("fact", "answered"),
    "trait": ("trait", "features"),
    "clusters": ("features",),
    "texts": ("fact", "text"),
    "circles": ("relation",),
    "price": ("fact", "price", "quantity", "product"),
}
#: Keys that only these kinds of model know; of others they would say nothing.
ONLY: Mapping[str, tuple[Estimator, ...]] = {
    "often": ("purchases",),
    "period_days": ("stages",),
    "columns": ("contracts",),
    "left": ("contracts",),
    "grace_days": ("contracts",),
    "payee": ("recurring",),
    "signs": ("life_event",),
    "where": ("recurring", "life_event", "send_time", "contracts", "price"),
    "answered": ("send_time",),
    "channel": ("send_time",),
    "channels": ("send_time",),
    "explore": ("send_time",),
    "text": ("texts",),
    "label": ("texts",),
    "relation": ("circles",),
    "weight": ("circles",),
    "rival": ("circles",),
    "worth": ("circles",),
    "keys": ("circles",),
    "price": ("price",),
    "quantity": ("price",),
    "product": ("price", "wallet"),
    "unit": ("price",),
    "controls": ("price",),
    "cost": ("price",),
    "margin": ("price",),
    "most_change": ("price",),
    "trait": ("trait",),
    "limit": ("trait", "life_event"),
    "quantile": ("wallet",),
    "elsewhere": ("wallet",),
    "market": ("wallet",),
    "rising": ("propensity",),
    "falling": ("propensity",),
    "trend_days": ("propensity",),
}
#: Kinds whose target is a number, and not a yes or no.
OF_AMOUNTS: tuple[Estimator, ...] = ("newcomers", "wallet")


@dataclass(frozen=True, slots=True)
class Cohort:
    """One training or test set: who, as of when, and what counts as a yes.

    Parameters
    ----------
    as_of
        ISO date or instant; a date is its first instant in the workspace zone. Features see only what was known
        before it.
    population
        Who belongs to it: a boolean expression, as of `known_by`.
    target
        What counts as a yes: a boolean expression that uses ``ahead(n, unit)`` to look at what came after `as_of`.
    known_by
        ISO date or instant by which the population is known; `as_of` where absent. A mailing list is settled before
        a campaign begins but comes on record with its first day: without this the list would still be empty. Give
        the earliest instant that will do, since it is the only part that sees beyond `as_of` and picks the members.
    treated
        For ``uplift``: who of them was treated, where that differs from the model's own `treated`.
    """

    name: str
    as_of: str
    population: str
    target: str
    known_by: str | None = None
    treated: str | None = None


@dataclass(frozen=True, slots=True)
class ModelDef:
    """A prediction that is trained, checked and written as tags.

    Parameters
    ----------
    model
        Its name; its scores become tags ``model.NAME`` or, for purchase models, several; clusters ``cluster.NAME``.
    estimator
        ``purchases`` (how often and how much), ``propensity`` (boosted trees, calibrated), ``newcomers`` (the
        value of those without a history: the chance that they buy, times what they then spend), ``wallet`` (what
        members could spend, by their peers, our share of it, and how their market grows), ``stages`` (where
        customers stand in their life with us), ``contracts`` (who leaves, of those with a contract), ``recurring``
        (what they do again and again, and when next), ``life_event`` (whose life changed, by what they buy since),
        ``send_time`` (when and through which channel members answer), ``trait`` (what was not declared, from
        behaviour), ``uplift`` (what a treatment changes for each member), ``clusters`` (groups of members who are
        alike), ``texts`` (what texts of a fact say), ``circles`` (who belongs together) or ``price`` (how sales
        answer to prices).
    fact, amount, horizon_days
        For ``purchases`` and ``stages``: the fact whose days count as purchases, its money column, and how far to
        predict. For ``recurring`` the fact whose rows recur.
    often
        For ``purchases``, what says how often: ``beta_geo`` (BG/NBD: may leave after any purchase), ``pareto_nbd``
        (may leave at any time), ``modified_beta_geo`` (may leave already after the first) or ``beta_geo_beta_binom``
        (BG/BB: buys in a week or does not, and may leave before any).
    period_days
        For ``stages``: about twice the usual time between two purchases.
    columns, left, grace_days
        For ``contracts``, whose `fact` has a start and an end: what is known of a contract from its start, expressions
        about one row (``plan``, ``contract.product.kind``); which ends are a leaving, a condition about a row, all by
        default; and how many days after an end another contract of the member still carries on. Ends that are none are
        looked at until then only. What is foretold is the `horizon_days` to come, and the last ones judge.
    payee, where
        For ``recurring``: to whom or for what, an expression about one row of the fact (``purchase.product.category``);
        and which rows count, all by default. Rows of about one `amount` belong together where it is named.
    signs
        For ``life_event``: which rows of the `fact` speak for the event, a condition about a row. `limit` is the least
        chance at which the day is told, and the last `holdout_days` judge. Sensitive events are refused.
    answered, channel
        For ``send_time``: which rows of the `fact`, one per message sent, were answered, a condition about a row; and
        through which channel each was sent, an expression about a row. `where` says which messages count. The first of
        `groups` is the tag by which newcomers fall back to their like, and the last `holdout_days` judge.
    channels, explore
        For ``send_time``: values of `channel`, of each of which the chance at the member's best hour there is a tag;
        and the share of members who are given not the best hour but one drawn by how likely it is to be the best, so
        that hours at which little was sent are learned too.
    text, label
        For ``texts``: the text column of the fact, and one that labels some of its rows, if any; levels are parted by
        ``/``. `horizon_days` is how far back a member's tags look, and labels are judged on the last `holdout_days`.
    relation, weight
        For ``circles``: a relation between members of the subject, and its column that says how much a tie counts.
    rival, worth, keys
        For ``circles``, expressions about a member: whether a rival has them; what they are worth as a customer to be
        won; and what those of one household share, such as an address.
    price, quantity, product
        For ``price``, expressions about one row of the fact: what one piece cost (``purchase.amount /
        purchase.quantity``), how many were sold, and of what. Sales are taken together by product, `unit` and week; the
        last `holdout_days` judge. A `product` that says who buys is refused.
    unit, controls
        For ``price``: where it was sold, as levels differ from place to place; and what else moves sales, numbers or
        truths about a row (``purchase.on_display``). `where` says which rows count, and `groups` names one tag at most:
        the card shows how its members differ. Prices and tags never rest on it, and one by which nobody may be asked
        more is refused.
    cost, margin, most_change
        For ``price``: what one piece costs you, a number about a row; the card then tells best prices and discounts,
        one for everybody. `margin` is the least share of the price that is left after cost, and `most_change` the
        largest change as a share of the price.
    trait, limit
        For ``trait``: what members declared, an expression of text that is absent of who did not (``customer.income``);
        and the least confidence at which it is inferred of the others. Sensitive traits are refused.
    quantile
        For ``wallet``, whose `target` is what a member spends: the wallet is what only ``1 - quantile`` of those with
        the same features exceed, or what the member spent, where that is more. The target over the last horizon that
        is over is what they spent. Tags that rest on the column of money that the target adds up tell it themselves,
        and are not learned from.
    elsewhere
        For ``wallet``: what a member spends with others over as long a time, a number in the unit of the target that
        is absent where it is not known. Where it is known the wallet is a fact; the other wallets are scaled by it.
    market
        For ``wallet``, with a `fact`, its `amount` and `product`, what is bought (``trip.product.department``): the
        market a member belongs to, an expression about a member (``customer.region``). The growth of each market and
        product is that of all members, over the last horizon against the one before.
    features
        For ``propensity`` and ``clusters``: tag names or patterns such as ``rfm.*``. A model with a `target` takes
        all tags where none are named, but those that are personal or sensitive, that expire, or that rest on attributes
        without history, whose value of today might know what came after.
    rising, falling
        For ``propensity``: features, numbers, with which the chance may only rise, or only fall, all else being equal.
        What sense demands then holds for every member, also where the data are few.
    trend_days
        For ``propensity``: also whether each member's chance rises or falls, beside what the same version says of them
        as of so many days before. 0: it is not told, and members are scored once instead of twice.
    target, population
        For ``propensity`` and ``uplift``, instead of cohorts: what counts as a yes, with ``ahead(n, unit)``, and who is
        asked about (all members where absent). The cohorts then follow from the instant of the training: the newest
        one whose outcome is known is the test, and those before it, one horizon apart, are learned from.
    cohorts
        At most so many of those before it are learned from, where the data reach so far back.
    train, test
        For ``propensity`` and ``uplift``: cohorts; test cohorts are later than every train cohort. An ``uplift`` model
        without a test is tested on members of its training cohorts who are drawn by lot and not learned from.
    treated, randomised
        For ``uplift``: who of the population was treated, a boolean expression that is read at `known_by`, or looks at
        what came after with ``ahead(n, unit)``; and whether that was decided by lot. Only then is its report a proof.
    score
        For ``propensity``: the population expression scored now (the `population`, or all members, where absent). For
        ``purchases``: who is scored. For ``clusters``: who is learned from and assigned.
    baseline
        A tag whose plain value is the score to beat.
    groups
        Tags by whose values the card shows whether the figures hold everywhere.
    protected
        Tags by whose values the card shows whether the model is fair. They, and all sensitive tags, are read for that
        alone and never learned from.
    fewest, most
        From how many to how many clusters, or of ``texts`` topics, are tried; the same number twice takes it as given.
    """

    model: str
    estimator: Estimator
    name: Words = NO_WORDS
    subject: str = "customer"
    fact: str | None = None
    amount: str | None = None
    often: Often = "beta_geo"
    period_days: int = 28
    columns: tuple[str, ...] = ()
    left: str | None = None
    grace_days: int = 0
    payee: str | None = None
    where: str | None = None
    signs: str | None = None
    answered: str | None = None
    channel: str | None = None
    channels: tuple[str, ...] = ()
    explore: float = 0.0
    text: str | None = None
    label: str | None = None
    relation: str | None = None
    weight: str | None = None
    rival: str | None = None
    worth: str | None = None
    keys: tuple[str, ...] = ()
    price: str | None = None
    quantity: str | None = None
    product: str | None = None
    unit: str | None = None
    controls: tuple[str, ...] = ()
    cost: str | None = None
    margin: float = 0.0
    most_change: float = 0.15
    trait: str | None = None
    limit: float = 0.8
    quantile: float = 0.9
    elsewhere: str | None = None
    market: str | None = None
    horizon_days: int = 90
    holdout_days: int = 90
    features: tuple[str, ...] = ()
    rising: tuple[str, ...] = ()
    falling: tuple[str, ...] = ()
    trend_days: int = 0
    target: str | None = None
    population: str | None = None
    cohorts: int = 3
    train: tuple[Cohort, ...] = ()
    test: tuple[Cohort, ...] = ()
    treated: str | None = None
    randomised: bool = False
    score: str | None = None
    baseline: str | None = None
    groups: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    fewest: int = 2
    most: int = 8
    owner: str = ""
    refresh: Refresh = "weekly"
    about: Words = NO_WORDS
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_name(self.model, "model")
        for key, least in DAYS.items():
            if not least <= (days := getattr(self, key)) <= MOST_DAYS:
                raise InvalidDefinition(f"Model {self.model!r}: `{key}` is {least} to {MOST_DAYS:,} days, not {days}.")
        self._check_keys()
        self._check_channels()
        if not 0 < self.limit <= 1:
            raise InvalidDefinition(f"Model {self.model!r}: `limit` is a confidence above 0, at most 1.")
        if self.by_week and (self.horizon_days % 7 or self.holdout_days % 7):
            raise InvalidDefinition(
                f"Model {self.model!r}: `often: beta_geo_beta_binom` knows weeks, so that `horizon_days` and"
                " `holdout_days` are multiples of 7.",
            )
        if self.target is not None and (self.train or self.test):
            raise InvalidDefinition(
                f"Model {self.model!r} has a `target` and cohorts of its own.",
                hint="Leave out `train` and `test`, and the cohorts follow from the target; or write both into each.",
            )
        if (self.population is not None or self.cohorts != 3) and self.target is None:
            raise InvalidDefinition(f"Model {self.model!r}: `population` and `cohorts` go with a `target`.")
        if not 1 <= self.cohorts <= MOST_COHORTS:
            raise InvalidDefinition(f"Model {self.model!r}: `cohorts` is 1 to {MOST_COHORTS}, not {self.cohorts}.")
        if (
            self.estimator in ("propensity", *OF_AMOUNTS)
            and not self.target
            and not (self.features and self.train and self.test)
        ):
            raise InvalidDefinition(
                f"Model {self.model!r} needs a `target`, or `features`, `train` and `test`.",
            )
        if self.estimator == "uplift":
            self._check_uplift()
        if self.estimator == "wallet":
            self._check_wallet()
        if not 2 <= self.fewest <= self.most <= MOST_CLUSTERS:
            raise InvalidDefinition(
                f"Model {self.model!r}: `fewest` and `most` are 2 to {MOST_CLUSTERS} clusters, in this order."
            )
        self._check_cohorts()

    @property
    def by_week(self) -> bool:
        """Whether it counts weeks with a purchase, and not days."""
        return self.often == "beta_geo_beta_binom"

    def _check_keys(self) -> None:
        if missing := [key for key in NEEDS.get(self.estimator, ()) if not getattr(self, key)]:
            names = ", ".join(f"`{key}`" for key in missing)
            raise InvalidDefinition(f"Model {self.model!r} needs {names}.")
        for key, kinds in ONLY.items():
            default = next(f.default for f in fields(self) if f.name == key)
            if self.estimator not in kinds and getattr(self, key) != default:
                raise InvalidDefinition(
                    f"Model {self.model!r}: `{key}` goes with `estimator: {kinds[0]}`, not with {self.estimator!r}."
                )
        for key in ("margin", "most_change"):
            if not 0 <= (share := getattr(self, key)) < 1:
                raise InvalidDefinition(f"Model {self.model!r}: `{key}` is a share from 0 to below 1, not {share:g}.")
        if both := set(self.rising) & set(self.falling):
            raise InvalidDefinition(f"Model {self.model!r}: {min(both)!r} cannot stand in `rising` and in `falling`.")

    def _check_channels(self) -> None:
        if not 0 <= self.explore < 1:
            raise InvalidDefinition(f"Model {self.model!r}: `explore` is a share of members from 0 to below 1.")
        for channel in self.channels:
            check_name(channel, "channel")
        if self.channels and not self.channel:
            raise InvalidDefinition(f"Model {self.model!r}: `channels` goes with `channel`, which says how each went.")

    def _check_cohorts(self) -> None:
        for cohort in (*self.train, *self.test):
            _check_instants(cohort, self.model)
        if self.train and self.test and max(c.as_of for c in self.train) >= min(c.as_of for c in self.test):
            raise InvalidDefinition(
                f"Model {self.model!r} is tested on a cohort that is not later than its training cohorts.",
                hint="Move the test cohort later: a model must be judged on what came after it.",
            )

    def _check_wallet(self) -> None:
        if not 0.5 < self.quantile < 1:
            raise InvalidDefinition(
                f"Model {self.model!r}: `quantile` lies above 0.5 and below 1, not at {self.quantile}."
            )
        growth = {key: getattr(self, key) for key in ("fact", "amount", "market", "product")}
        if any(growth.values()) and (missing := [key for key, value in growth.items() if not value]):
            names = ", ".join(f"`{key}`" for key in missing)
            raise InvalidDefinition(
                f"Model {self.model!r} needs {names}.",
                hint="The growth of markets takes `fact`, `amount`, `market` and `product`; without it, leave out all.",
            )
        if self.baseline is not None:
            raise InvalidDefinition(
                f"Model {self.model!r}: a wallet has no `baseline`; it is held to the same wallet for everybody.",
                hint="Leave it out.",
            )

    def _check_uplift(self) -> None:
        if not self.target and not (self.features and self.train):
            raise InvalidDefinition(f"Model {self.model!r} needs a `target`, or `features` and `train`.")
        if not self.treated and (self.target or not all(cohort.treated for cohort in (*self.train, *self.test))):
            raise InvalidDefinition(
                f"Model {self.model!r} needs `treated`: who of the population was treated.",
                hint="E.g. treated: exists(mailed) filter (where wave = 3); randomised: true where lots were drawn.",
            )


def _check_instants(cohort: Cohort, model: str) -> None:
    for at in filter(None, (cohort.as_of, cohort.known_by)):
        try:
            parse_instant(at, "UTC")
        except InvalidInput as error:
            raise InvalidDefinition(
                f"Model {model!r}, cohort {cohort.name!r}: {at!r} is not a date or an instant.", hint=error.hint
            ) from error
