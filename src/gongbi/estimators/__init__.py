"""Estimators in the style of scikit-learn, on arrays and frames, and their statistics."""
