"""The nouns of the house: every type that flows between wings, frozen."""
