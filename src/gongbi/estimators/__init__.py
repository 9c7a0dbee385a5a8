"""Statistical models on arrays and frames, in the manner of scikit-learn.

Nothing is imported here, so that a count of customers never waits for LightGBM; `gongbi.models` gives them by name:

- `purchases`: `BetaGeoModel` and `ModifiedBetaGeoModel`, who is still a customer and how often they will buy;
- `pareto`: `ParetoNBDModel`, the same where customers may leave at any time;
- `opportunities`: `BetaGeoBetaBinomModel`, the same where purchases happen at set times only;
- `spend`: `GammaGammaModel`, what a purchase is worth, and customer lifetime value;
- `purchase_log`: `PurchaseLog`, histories out of a list of purchases, and what models are held to;
- `lifecycle`: `StageModel`, where customers stand and where they go, and `hidden_value` of those who sleep;
- `survival`: `ContractModel`, when contracts end (extra `survival`);
- `uplift`, `uplift_tree`: `UpliftModel` and the T-, X- and DR-learner, what a treatment changes for each;
- `price`, `pricing`: `PriceElasticity`, how sales answer to price; the best price within limits, ladders, fairness;
- `propensity`: `PropensityModel`, who will respond; `logistic`: `LogisticScore`, the plain model beside it; `trend`:
  whose chance rises or falls;
- `sendtime`: `SendTimeModel`, when and through which channel somebody answers;
- `traits`: `InferredTrait`, what was not declared, with a confidence or not at all;
- `recurring`: what a customer does again and again, and when next;
- `lifeevents`: `LifeEventModel`, whose life changed, by what they buy since;
- `wallet`: `WalletModel`, what a customer could spend, and growth by market and product;
- `clusters`: `MixedClusters`, who is alike;
- `text`: `TextClassifier`, sentiment and other labels of texts; moods by words;
- `graph`: `Circles`, who belongs together; who matters in a network, households, referrals, rivals;
- `stats`: intervals, ranking quality, calibration, arms of experiments, matched comparisons.
"""
