"""Judging models and their baselines on anybody's file: `gongbi evaluate`.

`base` is the protocol that every kind follows, `splits` says who learns and who is judged, `reading` opens files and
columns, `features` makes columns of strangers fit to learn from, `page` draws the result, and `kinds` is the table.
"""
