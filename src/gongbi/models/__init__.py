"""Model definitions, training sets, registry and scoring; and the estimators by name.

`from gongbi.models import BetaGeoModel` gives the class of `gongbi.estimators.purchases`. Each is fetched when it is
first asked for, so that importing this room loads neither LightGBM nor an optional package.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # Type checkers do not run `__getattr__`; a test holds these lines to the table.
    from gongbi.estimators.clusters import MixedClusters as MixedClusters
    from gongbi.estimators.graph.circles import Circles as Circles
    from gongbi.estimators.lifecycle import StageModel as StageModel
    from gongbi.estimators.lifeevents import LifeEventModel as LifeEventModel
    from gongbi.estimators.logistic import LogisticScore as LogisticScore
    from gongbi.estimators.opportunities import BetaGeoBetaBinomModel as BetaGeoBetaBinomModel
    from gongbi.estimators.pareto import ParetoNBDModel as ParetoNBDModel
    from gongbi.estimators.price import PriceElasticity as PriceElasticity
    from gongbi.estimators.propensity import PropensityModel as PropensityModel
    from gongbi.estimators.prospects import ProspectValueModel as ProspectValueModel
    from gongbi.estimators.purchases import BetaGeoModel as BetaGeoModel
    from gongbi.estimators.purchases import ModifiedBetaGeoModel as ModifiedBetaGeoModel
    from gongbi.estimators.sendtime import SendTimeModel as SendTimeModel
    from gongbi.estimators.spend import AverageSpend as AverageSpend
    from gongbi.estimators.spend import GammaGammaModel as GammaGammaModel
    from gongbi.estimators.survival import ContractModel as ContractModel
    from gongbi.estimators.text.classifier import TextClassifier as TextClassifier
    from gongbi.estimators.text.sentiment import Sentiment as Sentiment
    from gongbi.estimators.text.topics import TopicModel as TopicModel
    from gongbi.estimators.traits import InferredTrait as InferredTrait
    from gongbi.estimators.uplift import DRLearner as DRLearner
    from gongbi.estimators.uplift import TLearner as TLearner
    from gongbi.estimators.uplift import UpliftModel as UpliftModel
    from gongbi.estimators.uplift import XLearner as XLearner
    from gongbi.estimators.uplift_tree import UpliftTree as UpliftTree
    from gongbi.estimators.wallet import WalletModel as WalletModel

#: Where each estimator lives, by the name that may be imported from here.
ESTIMATORS = {
    "AverageSpend": "gongbi.estimators.spend",
    "BetaGeoBetaBinomModel": "gongbi.estimators.opportunities",
    "BetaGeoModel": "gongbi.estimators.purchases",
    "Circles": "gongbi.estimators.graph.circles",
    "DRLearner": "gongbi.estimators.uplift",
    "ContractModel": "gongbi.estimators.survival",
    "GammaGammaModel": "gongbi.estimators.spend",
    "InferredTrait": "gongbi.estimators.traits",
    "LifeEventModel": "gongbi.estimators.lifeevents",
    "LogisticScore": "gongbi.estimators.logistic",
    "MixedClusters": "gongbi.estimators.clusters",
    "ModifiedBetaGeoModel": "gongbi.estimators.purchases",
    "ParetoNBDModel": "gongbi.estimators.pareto",
    "PriceElasticity": "gongbi.estimators.price",
    "ProspectValueModel": "gongbi.estimators.prospects",
    "PropensityModel": "gongbi.estimators.propensity",
    "Sentiment": "gongbi.estimators.text.sentiment",
    "StageModel": "gongbi.estimators.lifecycle",
    "TLearner": "gongbi.estimators.uplift",
    "TextClassifier": "gongbi.estimators.text.classifier",
    "TopicModel": "gongbi.estimators.text.topics",
    "UpliftModel": "gongbi.estimators.uplift",
    "UpliftTree": "gongbi.estimators.uplift_tree",
    "WalletModel": "gongbi.estimators.wallet",
    "XLearner": "gongbi.estimators.uplift",
    "SendTimeModel": "gongbi.estimators.sendtime",
}


def __getattr__(name: str) -> object:
    if name in ESTIMATORS:
        return getattr(import_module(ESTIMATORS[name]), name)
    raise AttributeError(f"module 'gongbi.models' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *ESTIMATORS})
