"""Statistical models on arrays and frames, in the manner of scikit-learn.

Nothing is imported here, so that a count of customers never waits for LightGBM; `gongbi.models` gives them by name:

- `purchases`: `BetaGeoModel`, who is still a customer and how often they will buy;
- `spend`: `GammaGammaModel`, what a purchase is worth, and customer lifetime value;
- `propensity`: `PropensityModel`, who will respond;
- `clusters`: `MixedClusters`, who is alike;
- `stats`: intervals, ranking quality, calibration, arms of experiments, matched comparisons.
"""
