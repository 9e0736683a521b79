"""What a model costs: time, memory, operators and arithmetic, each measured under stated conditions."""
