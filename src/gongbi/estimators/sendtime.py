"""When and through which channel a customer answers: hours of the week shrunk to the group, with exploration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln
from sklearn.base import BaseEstimator

from gongbi.errors import InvalidInput, NotFitted
from gongbi.estimators.checks import FloatArray, IntArray, as_binary, as_groups, refuse_where

FORMAT = 1
HOURS = 168
#: What is learned beside the names: how many sends a level is worth, and its curves as they are kept.
_TRIALS = ("group_trials_", "customer_trials_")
_CURVES = {"everybody": "everybody_", "group_near": "_group_sent", "group_answers": "_group_answers"}
#: From so many groups or customers, drawn by chance, is learned how much they differ.
MOST_UNITS = 2000
#: Customers whose curves are held in memory at a time.
AT_ONCE = 1024
#: Worth of the least and of the most certain prior, in sends.
LEAST_TRIALS, MOST_TRIALS = 2.0, 2000.0
GRID = np.geomspace(LEAST_TRIALS, MOST_TRIALS, 31)


class SendTimeModel(BaseEstimator):  # type: ignore[misc]
    r"""Answer rate per hour of the week and channel: of everybody, of the group, of the customer.

    Three levels, each a Beta prior for the next. Everybody's curve per channel is answers over sends, smoothed over
    neighbouring hours of the same channel by a kernel that goes round the week, and drawn to the channel's overall rate
    where few were sent. A group's curve starts from everybody's, a customer's from the group's: the posterior mean is
    :math:`(s + k\,\mu) / (n + k)`, with s answers to n sends near the hour and :math:`\mu` the level above. How many
    sends :math:`k` the level above is worth is learned: it is what foretells each message best from the others [1]_.
    Where customers are alike, k is large and everybody gets the group's hours; a
    newcomer gets them too, and someone of an unknown group everybody's.

    An hour is told by when the message was sent, and an answer is whatever the caller counts as one.

    Parameters
    ----------
    width : float, default=1.5
        Standard deviation of the kernel, in hours.
    day_share : float, default=0.3
        Weight that the same hour of other days has beside the same hour of the same day, 0 to 1: people's days are
        much alike.
    seed : int, default=0
        Of exploration.

    Attributes
    ----------
    channels_ : ndarray of shape (n_channels,)
        Names of the channels, sorted.
    everybody_ : ndarray of shape (n_channels, 168)
        Answer rates; hour 0 is Monday 0:00 to 1:00.
    groups_ : ndarray of shape (n_groups,)
        Names of the groups, sorted.
    group_sent_ : ndarray of shape (n_groups,)
        Messages sent to each.
    group_trials_, customer_trials_ : float
        How many sends everybody's curve is worth to a group, and a group's to a customer.

    References
    ----------
    .. [1] Geisser (1975), The Predictive Sample Reuse Method with Applications, JASA 70.
    .. [2] Thompson (1933), On the Likelihood that One Unknown Probability Exceeds Another, Biometrika 25.
    """

    def __init__(self, *, width: float = 1.5, day_share: float = 0.3, seed: int = 0) -> None:
        self.width = width
        self.day_share = day_share
        self.seed = seed

    def fit(
        self,
        customers: ArrayLike,
        hours: ArrayLike,
        answered: ArrayLike,
        *,
        channels: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Learn from messages sent; all arrays have shape (n,).

        Parameters
        ----------
        customers
            Whom each was sent to.
        hours
            Hour of the week, 0 to 167, in the customer's own time: `hour_of_week` gives it.
        answered
            0 or 1.
        channels, groups
            Of the message, and of the customer; one of each where not given.

        Raises
        ------
        InvalidInput
            Nothing was sent, nobody answered, or an hour is not one of the week.
        """
        yes = as_binary("answered", answered)
        if not len(yes) or not yes.any():
            raise InvalidInput(
                f"{len(yes)} messages, and nobody answered: there is nothing to learn an hour from.",
                hint="Look at what counts as an answer, and whether the results are loaded.",
            )
        if self.width <= 0 or not 0 <= self.day_share <= 1:
            raise InvalidInput(f"width is above 0 and day_share 0 to 1, not {self.width} and {self.day_share}.")
        hour = _hours(hours, len(yes))
        self.channels_, channel = _named("channels", channels, len(yes))
        self.groups_, group = _named("groups", groups, len(yes))
        numbered = as_groups("customers", customers)
        if len(numbered) != len(yes):
            raise InvalidInput(f"customers has {len(numbered)} entries, answered has {len(yes)}.")
        first = np.unique(numbered, return_index=True)[1]
        self._group_of: IntArray | None = group[first]
        self.group_sent_: IntArray = np.bincount(group, minlength=len(self.groups_))
        self._kernel = self._neighbours()
        slots = (len(self.channels_), HOURS)
        cell = channel * HOURS + hour
        sent = np.bincount(cell, minlength=len(self.channels_) * HOURS).reshape(slots).astype(np.float64)
        answers = np.bincount(cell, weights=yes, minlength=len(self.channels_) * HOURS).reshape(slots)
        overall = (answers.sum(axis=1) + yes.mean()) / (sent.sum(axis=1) + 1)
        near_sent, near = sent @ self._kernel, answers @ self._kernel
        # Each channel's hours are drawn to its own rate, by as much as hours of its week do not differ.
        worth = [_trials(answers[c], sent[c], sent[c] * overall[c]) for c in range(len(overall))]
        k = np.array(worth)[:, None]
        self.everybody_: FloatArray = (near + k * overall[:, None]) / (near_sent + k)
        expected = self.everybody_.ravel()[cell]
        self.group_trials_ = self._worth(group, cell, yes, expected)
        self._group_sent, self._group_answers = self._near(group, cell, yes, len(self.groups_))
        among = (self._group_answers + self.group_trials_ * self.everybody_) / (self._group_sent + self.group_trials_)
        self.customer_trials_ = self._worth(numbered, cell, yes, among[group, channel, hour])
        self._keep(np.asarray(customers)[first].tolist(), numbered, cell, yes)
        return self

    def remember(
        self, customers: ArrayLike, hours: ArrayLike, answered: ArrayLike, channels: ArrayLike | None = None
    ) -> Self:
        """Take these messages as all that is known of customers, without learning from them; as for `fit`.

        A message in a channel that was not learned from is passed over.
        """
        self._checked()
        yes = np.asarray(answered, dtype=bool)
        hour, whom = _hours(hours, len(yes)), np.asarray(customers)
        place = {name: c for c, name in enumerate(self.channels_.tolist())}
        given = np.asarray(channels).tolist() if channels is not None else [self.channels_[0]] * len(yes)
        channel = np.array([place.get(name, -1) for name in given], dtype=np.int64)
        known = channel >= 0
        names, numbered = np.unique(whom[known], return_inverse=True)
        self._group_of = None
        self._keep(names.tolist(), numbered, (channel * HOURS + hour)[known], yes[known])
        return self

    def to_json(self) -> dict[str, Any]:
        """Return what was learned of everybody and of groups, as JSON data; nothing of single customers."""
        self._checked()
        return {
            "format": FORMAT,
            **{name: getattr(self, name) for name in ("width", "day_share", "seed", *_TRIALS)},
            "channels": self.channels_.tolist(),
            "groups": self.groups_.tolist(),
            "group_sent": self.group_sent_.tolist(),
            **{name: getattr(self, kept).round(6).tolist() for name, kept in _CURVES.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the model that `to_json` wrote down; `remember` tells it of customers."""
        if data.get("format") != FORMAT:
            raise InvalidInput(f"The model was written in format {data.get('format')}; this is {FORMAT}.")
        self = cls(width=data["width"], day_share=data["day_share"], seed=data["seed"])
        for name in _TRIALS:
            setattr(self, name, float(data[name]))
        self.channels_, self.groups_ = np.asarray(data["channels"]), np.asarray(data["groups"])
        self.group_sent_ = np.asarray(data["group_sent"], dtype=np.int64)
        for name, kept in _CURVES.items():
            setattr(self, kept, np.asarray(data[name], dtype=np.float64))
        self._kernel = self._neighbours()
        nothing = np.zeros(0, dtype=np.int64)
        self._group_of = None
        self._keep([], nothing, nothing, nothing.astype(bool))
        return self

    def _keep(self, names: list[Any], numbered: IntArray, cell: IntArray, yes: NDArray[np.bool_]) -> None:
        """Put the messages of each customer together."""
        order = np.argsort(numbered, kind="stable")
        self._place = {name: i for i, name in enumerate(names)}
        self._starts = np.searchsorted(numbered[order], np.arange(len(names) + 1))
        self._cells, self._yes = cell[order], yes[order].astype(np.float64)

    def curve(self, customer: Any, group: Any = None) -> FloatArray:
        """Answer rates of one customer, shape (n_channels, 168); a newcomer has the group's, or everybody's."""
        s, f = self._posterior(customer, group)
        return s / (s + f)

    def best(
        self, customer: Any, group: Any = None, *, allowed: ArrayLike | None = None, most: int = 3
    ) -> list[tuple[Any, int, float]]:
        """The best channels and hours, without exploration: channel, hour of the week, answer rate.

        `allowed` are the hours that may be used, such as those outside the quiet ones; all by default.
        """
        rates = np.where(_mask(allowed), self.curve(customer, group), -1.0)
        order = np.argsort(-rates, axis=None, kind="stable")[:most]
        found = [(int(place) // HOURS, int(place) % HOURS) for place in order]
        return [(self.channels_[c], hour, float(rates[c, hour])) for c, hour in found if rates[c, hour] >= 0]

    def choose(
        self, customers: ArrayLike, groups: ArrayLike | None = None, *, allowed: ArrayLike | None = None, draw: int = 0
    ) -> list[tuple[Any, int]]:
        """Choose a channel and an hour for each customer by Thompson's rule [2]_: draw all rates, take the best.

        Who is well known gets the best hour nearly always; who is not is asked at different hours, and becomes known.
        The same `seed` and `draw` choose the same; count `draw` up from one round of messages to the next.
        """
        some = list(customers) if isinstance(customers, list) else np.asarray(customers).tolist()
        seeds = np.random.default_rng([self.seed, draw]).integers(2**63, size=len(some)).tolist()
        channels, hours, _ = self.draw_each(some, seeds, groups, allowed=allowed)
        return list(zip(channels.tolist(), hours.tolist(), strict=True))

    def draw_each(
        self,
        customers: ArrayLike | Sequence[Any],
        seeds: Sequence[int],
        groups: ArrayLike | None = None,
        *,
        allowed: ArrayLike | None = None,
    ) -> tuple[NDArray[Any], IntArray, FloatArray]:
        """As `choose`, by a seed of each customer's own, whoever else is asked about: channels, hours, rates.

        The rates are those expected at the hours drawn, not those drawn. All have shape (n,).
        """
        self._checked()
        may = _mask(allowed)
        place, rate = [np.zeros(0, dtype=np.int64)], [np.zeros(0)]
        for part, s, f in self._in_parts(customers, groups):
            own = (np.random.default_rng(seed).beta(*both) for seed, *both in zip(seeds[part], s, f, strict=True))
            drawn = np.array([np.where(may, rates, -1.0).argmax() for rates in own])
            place.append(drawn)
            rate.append((s / (s + f)).reshape(len(s), -1)[np.arange(len(s)), drawn])
        found = np.concatenate(place)
        return self.channels_[found // HOURS], found % HOURS, np.concatenate(rate)

    def best_each(
        self, customers: ArrayLike | Sequence[Any], groups: ArrayLike | None = None, *, allowed: ArrayLike | None = None
    ) -> tuple[NDArray[Any], IntArray, FloatArray]:
        """The best channel and hour of the week of each customer, and the answer rate then: arrays of shape (n,).

        For many, what `best` says of one; a group of None is the customer's own, or everybody's.
        """
        hours, rates = self.best_in_each(customers, groups, allowed=allowed)
        best, row = rates.argmax(axis=1), np.arange(len(rates))
        return self.channels_[best], hours[row, best], rates[row, best]

    def best_in_each(
        self, customers: ArrayLike | Sequence[Any], groups: ArrayLike | None = None, *, allowed: ArrayLike | None = None
    ) -> tuple[IntArray, FloatArray]:
        """As `best_each`, of every channel: the best hours there and the answer rates, of shape (n, n_channels)."""
        self._checked()
        may = _mask(allowed)
        hours = [np.zeros((0, len(self.channels_)), dtype=np.int64)]
        rate = [np.zeros((0, len(self.channels_)))]
        for _, s, f in self._in_parts(customers, groups):
            rates = np.where(may, s / (s + f), -1.0)
            hours.append(rates.argmax(axis=2))
            rate.append(rates.max(axis=2))
        return np.concatenate(hours), np.concatenate(rate)

    def foretell(
        self, customers: ArrayLike, hours: ArrayLike, channels: ArrayLike, groups: ArrayLike | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """How likely each message is answered: at its hour, and by the customer's rate in its channel at any hour.

        All arrays have shape (n,); a customer is of one group.

        Raises
        ------
        InvalidInput
            A channel that was not learned from.
        """
        self._checked()
        known = {name: c for c, name in enumerate(self.channels_.tolist())}
        given = np.asarray(channels).tolist()
        if strange := set(given) - known.keys():
            raise InvalidInput(f"No message was learned from in the channels {sorted(map(str, strange))}.")
        channel, hour = np.array([known[name] for name in given], dtype=np.int64), _hours(hours, len(given))
        whom = as_groups("customers", customers)
        if len(whom) != len(given):
            raise InvalidInput(f"customers has {len(whom)} entries, channels has {len(given)}.")
        first = np.unique(whom, return_index=True)[1]
        of = None if groups is None else [np.asarray(groups, dtype=object)[i] for i in first]
        order = np.argsort(whom, kind="stable")
        starts = np.searchsorted(whom[order], np.arange(len(first) + 1))
        by_hour, plain = np.empty(len(given)), np.empty(len(given))
        some = [np.asarray(customers)[i] for i in first]
        for part, s, f in self._in_parts(some, of):
            rows = order[starts[part.start] : starts[part.stop]]
            at = whom[rows] - part.start, channel[rows], hour[rows]
            by_hour[rows] = s[at] / (s[at] + f[at])
            usual = self._channel_rates(*self._found(some[part], None if of is None else of[part]))
            plain[rows] = usual[at[:2]]
        return by_hour, plain

    def channel_rates(self, customer: Any, group: Any = None) -> dict[Any, float]:
        """How likely this customer answers a message in each channel at the hours in which messages are sent.

        The customer's own rate shrunk to what the group answers in that channel.
        """
        rates = self._channel_rates(*self._found([customer], [group]))[0]
        return dict(zip(self.channels_.tolist(), rates.tolist(), strict=True))

    def _channel_rates(self, place: IntArray, which: IntArray) -> FloatArray:
        """Of customers and groups by their places, shape (n, n_channels)."""
        sent, answers = self._group_sent.sum(axis=2)[which], self._group_answers.sum(axis=2)[which]
        base, k = self.everybody_.mean(axis=1), self.group_trials_
        rate = (answers + k * base) / (sent + k)
        unit, cell, yes = self._own(place)
        at, shape = unit * len(self.channels_) + cell // HOURS, (len(place), len(self.channels_))
        own_sent = np.bincount(at, minlength=rate.size).reshape(shape)
        own = np.bincount(at, weights=yes, minlength=rate.size).reshape(shape)
        found: FloatArray = (own + self.customer_trials_ * rate) / (own_sent + self.customer_trials_)
        return found

    def _in_parts(
        self, customers: ArrayLike | Sequence[Any], groups: ArrayLike | None
    ) -> Iterator[tuple[slice, FloatArray, FloatArray]]:
        """Answers and silences of the Betas of some customers at a time, each of shape (some, n_channels, 168)."""
        self._checked()
        whom = list(customers) if isinstance(customers, list) else np.asarray(customers).tolist()
        of = None if groups is None else (groups if isinstance(groups, list) else np.asarray(groups).tolist())
        for begin in range(0, len(whom), AT_ONCE):
            part = slice(begin, min(begin + AT_ONCE, len(whom)))
            yield part, *self._posteriors(*self._found(whom[part], None if of is None else of[part]))

    def _posterior(self, customer: Any, group: Any) -> tuple[FloatArray, FloatArray]:
        """Answers and silences of a customer's Beta, of each shape (n_channels, 168)."""
        self._checked()
        s, f = self._posteriors(*self._found([customer], [group]))
        return s[0], f[0]

    def _posteriors(self, place: IntArray, which: IntArray) -> tuple[FloatArray, FloatArray]:
        """The same of many, by the places of customers and of their groups, each of shape (n, n_channels, 168)."""
        above = (self._group_answers + self.group_trials_ * self.everybody_) / (self._group_sent + self.group_trials_)
        s, f = self.customer_trials_ * above[which], self.customer_trials_ * (1 - above[which])
        known = np.flatnonzero(place >= 0)
        if len(known):
            sent, answers = self._near(*self._own(place[known]), len(known))
            s[known] += answers[:-1]
            f[known] += (sent - answers)[:-1]
        return s, f

    def _own(self, place: IntArray) -> tuple[IntArray, IntArray, FloatArray]:
        """The messages of customers by their places: the number of each within `place`, its cell, the answer."""
        starts = np.where(place >= 0, self._starts[place], 0)
        sizes = np.where(place >= 0, self._starts[place + 1] - starts, 0)
        unit = np.repeat(np.arange(len(place)), sizes)
        rows = np.arange(len(unit)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + np.repeat(starts, sizes)
        return unit, self._cells[rows], self._yes[rows]

    def _found(self, customers: Sequence[Any], groups: Sequence[Any] | None) -> tuple[IntArray, IntArray]:
        """The place of each customer, -1 of one who is not known, and that of the group.

        A group that was never seen has the place after the last, which has no messages.
        """
        nowhere = len(self.groups_)
        place = np.array([self._place.get(one, -1) for one in customers], dtype=np.int64)
        if self._group_of is not None:
            own = np.where(place >= 0, self._group_of[place], 0 if nowhere == 1 else nowhere)
        else:
            own = np.full(len(place), 0 if nowhere == 1 else nowhere)
        if groups is None:
            return place, own
        known = {name: i for i, name in enumerate(self.groups_.tolist())}
        which = [
            at if name is None else known.get(name, nowhere) for name, at in zip(groups, own.tolist(), strict=True)
        ]
        return place, np.array(which, dtype=np.int64)

    def _near(self, unit: IntArray, cell: IntArray, yes: Any, units: int) -> tuple[FloatArray, FloatArray]:
        """Sends and answers near each hour, shape (units + 1, n_channels, 168); the last unit has none."""
        size = (units + 1) * len(self.channels_) * HOURS
        at = unit * len(self.channels_) * HOURS + cell
        shape = (units + 1, len(self.channels_), HOURS)
        sent = np.bincount(at, minlength=size).reshape(shape).astype(np.float64)
        answers = np.bincount(at, weights=yes, minlength=size).reshape(shape)
        return sent @ self._kernel, answers @ self._kernel

    def _worth(self, unit: IntArray, cell: IntArray, yes: NDArray[np.bool_], above: FloatArray) -> float:
        """How many sends the level above is worth: what foretells each message best from the others of its unit."""
        names = np.unique(unit)
        if len(names) > MOST_UNITS:
            names = np.sort(np.random.default_rng(self.seed).choice(names, MOST_UNITS, replace=False))
        chosen = np.isin(unit, names)
        number, cells, outcome = np.searchsorted(names, unit[chosen]), cell[chosen], yes[chosen].astype(np.float64)
        sent, answers = self._near(number, cells, outcome, len(names))
        places = (number, cells // HOURS, cells % HOURS)
        # A message weighs 1 at its own hour; without it the others are left.
        others, answered = sent[places] - 1, answers[places] - outcome
        level = above[chosen]

        def likelihood(k: float) -> float:
            p = np.clip((answered + k * level) / (others + k), 1e-6, 1 - 1e-6)
            return float(np.where(outcome == 1, np.log(p), np.log1p(-p)).sum())

        return float(max(GRID, key=likelihood))

    def _neighbours(self) -> FloatArray:
        """Weight of a message at one hour for the rate at another; 1 for its own hour, less further off."""
        hour = np.arange(HOURS)
        clock = np.abs(hour[:, None] % 24 - hour[None, :] % 24)
        apart = np.minimum(clock, 24 - clock)
        week = np.abs(hour[:, None] - hour[None, :])
        same = np.minimum(week, HOURS - week) <= 12
        near: FloatArray = np.exp(-0.5 * (apart / self.width) ** 2)
        return near * np.where(same, 1.0, self.day_share)

    def _checked(self) -> None:
        if not hasattr(self, "everybody_"):
            raise NotFitted(self)


def hour_of_week(instants: ArrayLike) -> IntArray:
    """Hour of the week, 0 for Monday 0:00 to 167, of instants in the customer's own time (datetime64), shape (n,)."""
    hours = np.asarray(instants).astype("datetime64[h]").astype(np.int64)
    # 1970-01-01 was a Thursday.
    return np.asarray((hours + 72) % HOURS, dtype=np.int64)


def _hours(values: ArrayLike, n: int) -> IntArray:
    hour = np.asarray(values)
    if hour.shape != (n,):
        raise InvalidInput(f"hours has {hour.size} entries, answered has {n}.")
    found = hour.astype(np.float64)
    refuse_where(
        ~((found >= 0) & (found < HOURS) & (found % 1 == 0)), "an hour of the week is a whole number, 0 to 167"
    )
    return found.astype(np.int64)


def _named(what: str, values: ArrayLike | None, n: int) -> tuple[NDArray[Any], IntArray]:
    entries = np.zeros(n, dtype=np.int64) if values is None else np.asarray(values)
    if entries.shape != (n,):
        raise InvalidInput(f"{what} has {entries.size} entries, answered has {n}.")
    names, number = np.unique(entries, return_inverse=True)
    return names, np.asarray(number, dtype=np.int64)


def _mask(allowed: ArrayLike | None) -> NDArray[np.bool_]:
    may = np.ones(HOURS, dtype=bool)
    if allowed is not None:
        chosen = _hours(np.asarray(allowed), np.asarray(allowed).size)
        may[:] = False
        may[chosen] = True
        if not may.any():
            raise InvalidInput("No hour is allowed.", hint="Leave an hour outside the quiet ones.")
    return may


def _trials(answers: FloatArray, sent: FloatArray, expected: FloatArray) -> float:
    """Prior trials of a beta-binomial: those of a grid under which the answers of all units are likeliest."""
    p = np.clip(expected / np.maximum(sent, 1e-12), 1e-6, 1 - 1e-6)

    def likelihood(k: float) -> float:
        a, b = k * p, k * (1 - p)
        return float((betaln(answers + a, sent - answers + b) - betaln(a, b)).sum())

    return float(max(GRID, key=likelihood))
