"""Text, Chinese first: what is said, how it is meant, what it is about, and whether that is rising.

- `classifier`: `TextClassifier`, sentiment or type of complaint from labelled texts, in seconds;
- `complaints`: `ComplaintModel`, types in levels, by a taxonomy of the user's own;
- `moods`: moods and sign of a text by a small list of words, without training;
- `sentiment`: `Sentiment`, good or bad without a label, by examples that ship and the texts themselves;
- `topics`: `TopicModel`, words that go together, and how many such groups texts bear (needs the extra `text`);
- `bursts`: topics that are rising, and thresholds of early warning.
"""
