"""What happened, and the state that it folds to."""
