"""The state of cells: what a trajectory follows where a channel is not enough."""
