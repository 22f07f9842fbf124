"""The figures of MODEL_CARD.md."""
